//! Any text is a quantity or is refused with a mend; quantities are kept, compared and converted.

#![no_main]

use std::cmp::Ordering;

use libfuzzer_sys::fuzz_target;
use longlead_model::{Money, Quantity, Unit};

fuzz_target!(|text: &str| {
    money(text);
    // Two quantities, so that pairs are converted too.
    let (first, second) = text.split_once(';').unwrap_or((text, "1"));
    let (Some(first), Some(second)) = (quantity(first), quantity(second)) else {
        return;
    };
    match first.compare(&second) {
        Ok(order) => assert_eq!(second.compare(&first), Ok(order.reverse())),
        Err(error) => assert!(!error.help().is_empty()),
    }
    let converts = first.unit().converts_to(second.unit());
    match first.to(second.unit()) {
        Ok(converted) => assert!(converts && converted.unit() == second.unit()),
        Err(error) => assert!(!error.to_string().is_empty() && !error.help().is_empty()),
    }
});

fn quantity(text: &str) -> Option<Quantity> {
    match text.parse::<Quantity>() {
        Ok(quantity) => {
            let written = quantity.to_string();
            assert_eq!(written.parse().as_ref(), Ok(&quantity), "{written:?}");
            assert_eq!(quantity.compare(&quantity), Ok(Ordering::Equal), "{written:?}");
            let unit = quantity.unit();
            assert!(unit.as_written().is_empty() || unit.as_written().parse::<Unit>().is_ok());
            assert!(!unit.dimension().is_empty() && !unit.name().is_empty());
            Some(quantity)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty() && !error.help().is_empty());
            None
        }
    }
}

fn money(text: &str) {
    if let Ok(money) = text.parse::<Money>() {
        let written = money.to_string();
        let again: Money = written.parse().expect("money is written as it is read");
        assert_eq!((again, again.to_string()), (money, written));
    }
}
