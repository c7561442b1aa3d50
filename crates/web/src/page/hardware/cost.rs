//! What the parts of a board cost: for each line of the BOM the offer that is cheapest at the
//! quantity that is needed.

use std::collections::BTreeMap;

use jiff::civil::Date;
use longlead_model::{
    BomLine, BuildStage, Bundle, Currency, Decimal, Money, Offer, PartId, Rates, RevisionId,
};

/// The offers that hold, by part.
#[derive(Debug)]
pub(crate) struct Offers<'a> {
    by_part: BTreeMap<&'a PartId, Vec<&'a Offer>>,
    rates: Rates,
    currency: Currency,
}

/// What a part costs when it is bought for a number of boards.
#[derive(Clone, Debug)]
pub(crate) struct Purchase<'a> {
    pub(crate) offer: &'a Offer,
    /// What is ordered: at least the minimum order, in multiples.
    pub(crate) quantity: Decimal,
    /// One piece, at that quantity.
    pub(crate) price: Money,
    /// What one board carries of it.
    pub(crate) per_board: Money,
    /// The whole order, with what is left over.
    pub(crate) total: Money,
}

/// A line of the BOM with its purchase; none if nobody offers the part, or if no rate leads to
/// the currency of the bundle.
#[derive(Clone, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) line: &'a BomLine,
    pub(crate) purchase: Option<Purchase<'a>>,
}

/// What the parts of a board cost.
#[derive(Clone, Debug)]
pub(crate) struct Cost<'a> {
    /// For how many boards.
    pub(crate) boards: u64,
    pub(crate) lines: Vec<Line<'a>>,
    /// One board, of the lines that have a price.
    pub(crate) per_board: Money,
    /// All orders, with what is left over.
    pub(crate) total: Money,
    /// Lines without a price.
    pub(crate) unpriced: usize,
}

impl<'a> Offers<'a> {
    /// The offers that hold on a day.
    pub(crate) fn on(bundle: &'a Bundle, as_of: Date) -> Offers<'a> {
        let mut by_part: BTreeMap<&PartId, Vec<&Offer>> = BTreeMap::new();
        let offers = bundle.records.offers.values();
        for offer in offers.filter(|it| it.valid_until.is_none_or(|until| until >= as_of)) {
            by_part.entry(&offer.part).or_default().push(offer);
        }
        Offers { by_part, rates: bundle.rates(), currency: bundle.settings.currency }
    }

    /// The cheapest way to buy what a line needs for a number of boards. Alternates count only
    /// where nobody offers the part itself.
    fn cheapest(&self, line: &BomLine, boards: u64) -> Option<Purchase<'a>> {
        let of = |part: &PartId| {
            let offers = self.by_part.get(part).into_iter().flatten();
            let purchases = offers.filter_map(|offer| self.purchase(offer, line, boards));
            purchases.min_by(|a, b| a.total.amount.cmp(&b.total.amount))
        };
        of(&line.part).or_else(|| line.alternates.iter().find_map(of))
    }

    fn purchase(&self, offer: &'a Offer, line: &BomLine, boards: u64) -> Option<Purchase<'a>> {
        let needed = line.quantity.checked_mul(Decimal::from(boards))?;
        let quantity = order_quantity(offer, needed)?;
        let reached = offer.prices.iter().filter(|price| Decimal::from(price.quantity) <= quantity);
        let price = reached.max_by_key(|it| it.quantity).or_else(|| offer.prices.first())?.price;
        let price = self.rates.convert(price, self.currency).ok()?;
        let per_board = price.times(line.quantity).ok()?;
        let total = price.times(quantity).ok()?;
        Some(Purchase { offer, quantity, price, per_board, total })
    }
}

/// What must be ordered to have what is needed: the minimum at least, and whole multiples.
fn order_quantity(offer: &Offer, needed: Decimal) -> Option<Decimal> {
    let least = needed.max(Decimal::from(offer.minimum_order));
    let multiple = Decimal::from(offer.order_multiple.max(1));
    least.checked_div(multiple)?.ceil().checked_mul(multiple)
}

/// What the parts of a revision cost for a number of boards of a stage.
pub(crate) fn cost<'a>(
    bundle: &'a Bundle,
    offers: &Offers<'a>,
    revision: &RevisionId,
    stage: BuildStage,
    boards: u64,
) -> Cost<'a> {
    let lines = bundle.records.bom_lines.values();
    let carried = lines.filter(|it| it.revision == *revision && it.from <= stage);
    let lines: Vec<Line<'_>> =
        carried.map(|line| Line { line, purchase: offers.cheapest(line, boards) }).collect();
    let zero = Money::zero(offers.currency);
    let added = |sum: Money, more: Money| sum.plus(more).unwrap_or(sum);
    let bought = || lines.iter().filter_map(|line| line.purchase.as_ref());
    Cost {
        boards,
        per_board: bought().map(|it| it.per_board).fold(zero, added),
        total: bought().map(|it| it.total).fold(zero, added),
        unpriced: lines.iter().filter(|line| line.purchase.is_none()).count(),
        lines,
    }
}

#[cfg(test)]
mod tests {
    use longlead_model::Source;

    use super::*;

    const PARTS: &str = r#"
        settings = { currency = "EUR" }
        product = [{ id = "p", title = "P" }]
        revision = [{ id = "a", product = "p", title = "Rev A" }]
        supplier = [{ id = "near", title = "Near" }, { id = "far", title = "Far" }]
        part = [{ id = "r", title = "R" }, { id = "u", title = "U" }, { id = "x", title = "X" }]
        bom_line = [
            { revision = "a", part = "r", quantity = 4 },
            { revision = "a", part = "u", alternates = ["x"] },
            { revision = "a", part = "x", from = "dvt" },
        ]
        rate = [{ id = "usd", from = "USD", to = "EUR", rate = 0.5 }]
        offer = [
            { supplier = "near", part = "r", lead_time = "1 wk", prices = [{ quantity = 1, price = "0.10 EUR" }, { quantity = 1000, price = "0.02 EUR" }] },
            { supplier = "far", part = "r", lead_time = "9 wk", minimum_order = 5000, order_multiple = 5000, prices = [{ quantity = 5000, price = "0.02 USD" }] },
            { supplier = "far", part = "u", lead_time = "9 wk", valid_until = 2026-01-01, prices = [{ quantity = 1, price = "1 EUR" }] },
        ]
    "#;

    fn check(stage: BuildStage, boards: u64, expect: (&str, &str, usize)) {
        let (bundle, diagnostics) =
            Bundle::load(&[Source { name: "p.toml".to_owned(), text: PARTS.to_owned() }]);
        assert!(diagnostics.iter().all(|it| !it.is_error()), "{diagnostics:?}");
        let offers = Offers::on(&bundle, jiff::civil::date(2026, 11, 23));
        let revision = bundle.records.revisions.keys().next().unwrap().clone();
        let cost = cost(&bundle, &offers, &revision, stage, boards);
        let told = |money: Money| money.amount.normalize().to_string();
        let (per_board, total) = (told(cost.per_board), told(cost.total));
        assert_eq!((per_board.as_str(), total.as_str(), cost.unpriced), expect);
    }

    #[test]
    fn the_cheapest_order_counts_with_minimum_break_and_currency() {
        // 40 pieces: a reel of 5,000 for 50 EUR, or 40 loose ones at 0.10 EUR.
        check(BuildStage::Evt, 10, ("0.4", "4", 1));
        // 4,000 pieces: a reel for 50 EUR beats 4,000 at 0.02 EUR, although 1,000 are left over.
        check(BuildStage::Evt, 1000, ("0.04", "50", 1));
        // 5,004 pieces: a second reel is dearer than loose ones at 0.02 EUR? No: 100.00 < 100.08.
        check(BuildStage::Evt, 1251, ("0.04", "100", 1));
        // The part that comes with the DVT has no offer either.
        check(BuildStage::Mp, 10, ("0.4", "4", 2));
    }
}
