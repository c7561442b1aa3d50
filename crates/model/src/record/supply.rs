use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::estimate::Estimate;
use crate::field::shapes;
use crate::id::*;
use crate::money::{Currency, Money};

shapes! {
    /// A company that sells parts or builds boards.
    struct Supplier {
        /// Id of the supplier.
        id: SupplierId,
        /// Its name.
        title: String,
        /// Country, as ISO 3166-1 alpha-2.
        country: Option<String>,
        /// When it works; lead times stay in elapsed days unless they say otherwise.
        calendar: Option<CalendarId>,
    }

    /// A supplier's offer of a part.
    struct Offer {
        /// Id of the offer; left out, the supplier and the part joined by a dot.
        id: OfferId,
        /// Who offers.
        supplier: SupplierId,
        /// What is offered.
        part: PartId,
        /// The price of one, from a quantity on.
        prices: Vec<PriceBreak>,
        /// The least quantity that is sold.
        minimum_order: u64 = 1,
        /// The quantity is a multiple of this.
        order_multiple: u64 = 1,
        /// From order to arrival, in elapsed days: "12 wk", "10 / 12 / 20 wk" (low, likely, high),
        /// or "12..20 wk" (P50 and P90).
        lead_time: Estimate,
        /// How many are in stock, to be had at once.
        stock: u64 = 0,
        /// From order to arrival of what is in stock, in elapsed days.
        stock_lead_time: Option<Estimate>,
        /// The last day on which the offer holds.
        valid_until: Option<Date>,
    }

    /// The price of one part from a quantity on.
    struct PriceBreak {
        /// From this many on.
        quantity: u64,
        /// One costs this.
        price: Money,
    }

    /// An order placed with a supplier.
    struct Order {
        /// Id of the order.
        id: OrderId,
        /// With whom.
        supplier: SupplierId,
        /// What.
        part: PartId,
        /// How many.
        quantity: u64,
        /// For which build.
        build: Option<BuildId>,
        /// The day on which it was placed.
        placed: Date,
        /// The day that was promised.
        promised: Option<Date>,
        /// What is still thought to be left until arrival, from the as-of day on.
        remaining: Option<Estimate>,
        /// The day on which it arrived.
        received: Option<Date>,
    }

    /// What one currency is worth in another.
    struct Rate {
        /// Id of the rate.
        id: RateId,
        /// One of this currency…
        from: Currency,
        /// … is worth so much of this one.
        to: Currency,
        /// How much.
        rate: Decimal,
        /// The day on which it held.
        on: Option<Date>,
    }
}
