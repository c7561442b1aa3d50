use expect_test::{Expect, expect};

use super::*;
use crate::batch::{Batch, Captured, Head, Value};
use crate::contract::{Contract as Ready, Contracts};
use crate::judge::{Arrival, Plausible, Sender, judge};

/// Readings of three trucks every ten seconds, a little early or late, as Telegraf would send them.
fn trucks() -> Batch {
    let mut batch = Batch::default();
    let stream = batch.name("Truck-Readings");
    let names = ["name", "TempC", "fuel", "odometer", "moving", "status", "rare", "load"];
    let [name, temperature, fuel, odometer, moving, status, rare, load] =
        names.map(|name| batch.name(name));
    let (celsius, fahrenheit, odd) =
        (batch.name("Cel"), batch.name("[degF]"), batch.name("wibble"));
    for number in 0..300_i64 {
        let truck = number % 3;
        let at =
            1_767_225_600_000_000 + number / 3 * 10_000_000 + truck * 7_000 + number % 7 * 90_000;
        let text = batch.keep(&format!("truck_{truck}"));
        let idle = batch.keep(if number % 5 == 0 { "idle" } else { "driving" });
        let degrees = (number % 20) as f64;
        let warm = match number % 10 {
            0 => (temperature, Value::Float(degrees * 1.8 + 32.0), Some(fahrenheit)),
            _ => (temperature, Value::Float(degrees), Some(celsius)),
        };
        let mut values = vec![
            (name, Value::Text(text), None),
            warm,
            (fuel, Value::Float(0.25 + number as f64 / 1000.0), None),
            (odometer, Value::Integer(1000 + number), Some(batch.name("km"))),
            (moving, Value::Bool(number % 5 != 0), None),
            (status, Value::Text(idle), None),
            (load, Value::Integer(number * 7 % 13), Some(odd)),
        ];
        if number % 100 == 0 {
            values.push((rare, Value::Integer(-number), None));
        }
        batch.push(Head { captured: Captured::At(at), ..Head::of(stream) }, values);
    }
    batch
}

fn observed(batch: &Batch, part: impl Fn(usize) -> bool) -> Observed {
    let mut observed = Observed::of("Truck-Readings");
    for (_, reading) in batch.readings().enumerate().filter(|(place, _)| part(*place)) {
        observed.add(batch, &reading, None);
    }
    observed
}

fn told(proposal: &Proposal) -> String {
    let Proposal { contract, choices } = proposal;
    let cadence = contract.cadence.as_ref().map(ToString::to_string).unwrap_or_default();
    let device = contract.device_from.as_deref().unwrap_or("-");
    let mut out = format!("{} {:?} every {cadence}, by {device}\n", contract.id, contract.sent_as);
    for choice in choices.iter().filter(|(field, _)| field.is_none()) {
        out.push_str(&format!("  {}\n", choice.1));
    }
    for field in &contract.fields {
        let unit = field.unit.as_ref().map(ToString::to_string).unwrap_or_default();
        let required = if field.required { " required" } else { "" };
        let (low, high) = (field.low, field.high);
        out.push_str(&format!(
            "{} {} {unit} {low:?}..{high:?}{required} {:?}\n",
            field.name, field.kind, field.sent_as
        ));
        for (_, choice) in choices.iter().filter(|(of, _)| of.as_ref() == Some(&field.name)) {
            out.push_str(&format!("  {choice}\n"));
        }
    }
    out
}

fn check(proposal: &Proposal, expect: Expect) {
    expect.assert_eq(&told(proposal));
}

#[test]
fn a_contract_is_proposed_with_a_reason_for_each_choice() {
    let batch = trucks();
    let proposal = propose(&observed(&batch, |_| true)).unwrap();
    check(
        &proposal,
        expect![[r#"
        truck_readings ["Truck-Readings"] every 10 s, by name
          nothing but `name` tells which device took a reading
          the middle of 297 intervals between readings is 9.9 s
        temp_c float Cel Some(0.0)..Some(30.0) required ["TempC"]
          270 values came in Cel
          all values are whole, but what has a unit may come with decimals
          all 300 values are float
          what was seen lies between 0 and 19
          all 300 readings had it
        fuel float  Some(0.1)..Some(0.7) required []
          all 300 values are float
          what was seen lies between 0.25 and 0.549
          all 300 readings had it
        load integer  Some(0.0)..Some(20.0) required []
          300 values came in `wibble`, which is no unit
          all 300 values are integer
          what was seen lies between 0 and 12
          all 300 readings had it
        moving boolean  None..None required []
          all 300 values are boolean
          all 300 readings had it
        odometer counter km Some(0.0)..None required []
          300 values came in km
          it rose 297 times from one reading to the next and fell 0 times
          all 300 values are counter
          what was seen lies between 1000 and 1299
          all 300 readings had it
        rare integer  Some(-300.0)..Some(0.0) []
          all 3 values are integer
          what was seen lies between -200 and 0
          3 of 300 readings had it
        status text  None..None required []
          all 300 values are text
          all 300 readings had it
    "#]],
    );
}

#[test]
fn what_a_contract_was_proposed_from_fits_it() {
    let batch = trucks();
    let mut contract = propose(&observed(&batch, |_| true)).unwrap().contract;
    // Nobody can accept a unit that doesn't exist.
    let arrival = Arrival {
        received: 1_767_312_000_000_000,
        sender: Sender::Trusted,
        format: "test",
        plausible: Plausible::default(),
    };
    let contracts: Contracts = [Ready::of(&contract, 1)].into_iter().collect();
    let judged = judge(&contracts, &batch, &arrival);
    assert!(judged.quarantined.iter().all(|it| it.detail.contains("wibble")), "units are told");
    contract.fields.retain(|field| field.name != "load");
    contract.unknown_fields = UnknownFields::Keep;
    let contracts: Contracts = [Ready::of(&contract, 2)].into_iter().collect();
    let judged = judge(&contracts, &batch, &arrival);
    assert_eq!((judged.row_count(), judged.quarantined.len()), (300, 0));
}

#[test]
fn two_halves_add_up_to_nearly_the_whole() {
    let batch = trucks();
    let mut sum = observed(&batch, |place| place < 150);
    sum.merge(&observed(&batch, |place| place >= 150));
    let whole = propose(&observed(&batch, |_| true)).unwrap();
    assert_eq!(propose(&sum).unwrap().contract, whole.contract);
    assert_eq!(sum.readings(), 300);
}

#[test]
fn little_seen_demands_little() {
    let batch = trucks();
    let few = propose(&observed(&batch, |place| place < 5)).unwrap().contract;
    assert!(few.cadence.is_none() && few.fields.iter().all(|field| !field.required));
    assert_eq!(propose(&Observed::of("nothing")), None);
}

#[test]
fn made_up_names_do_not_fill_the_memory() {
    let mut batch = Batch::default();
    let stream = batch.name("s");
    for number in 0..2_000 {
        let field = batch.name(&format!("f{number}"));
        let device = batch.name(&format!("d{number}"));
        let head = Head { device: Some(device), ..Head::of(stream) };
        batch.push(head, [(field, Value::Float(1.0), None)]);
    }
    let mut observed = Observed::of("s");
    for reading in batch.readings() {
        observed.add(&batch, &reading, None);
    }
    assert_eq!(observed.fields().count(), 500);
    let proposal = propose(&observed).unwrap();
    assert!(proposal.choices.contains(&(None, Choice::LeftOut { fields: 1_500 })));
}

#[test]
fn ranges_have_room_and_round_ends() {
    for ((low, high), expected) in [
        ((0.0, 19.0), (0.0, 30.0)),
        ((-3.0, 17.0), (-20.0, 30.0)),
        ((3.6, 3.7), (3.4, 3.9)),
        ((0.0, 0.0), (0.0, 0.0)),
        ((-5.0, -5.0), (-5.4, -4.6)),
        ((1e300, 1e308), (0.0, 1.6e308)),
    ] {
        let (wide_low, wide_high) = room(low, high);
        assert!(wide_low <= low && high <= wide_high, "{low}..{high}: {wide_low}..{wide_high}");
        assert_eq!((wide_low, wide_high), expected, "{low}..{high}");
    }
}
