use proptest::prelude::*;

use super::*;
use crate::time::Span;

const HORIZON: u32 = 24;

fn calendar() -> impl Strategy<Value = Calendar> {
    proptest::collection::vec(any::<bool>(), HORIZON as usize)
        .prop_filter_map("a calendar needs working time", |works| {
            Calendar::from_pattern(HORIZON, |slot| works[slot as usize]).ok()
        })
}

/// Coordinates in and around the horizon, often on and next to a boundary of slots.
fn work() -> impl Strategy<Value = Work> {
    let slots = -3_i64..(i64::from(HORIZON) + 3);
    let fractions = prop_oneof![Just(0), Just(1), Just(TICKS_PER_SLOT - 1), 0..TICKS_PER_SLOT];
    (slots, fractions).prop_map(|(slot, fraction)| Work::from_ticks((slot << SLOT_BITS) + fraction))
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Start), Just(Side::Finish)]
}

/// Monday to Friday; slot 0 is a Monday.
fn weekdays() -> Calendar {
    Calendar::from_pattern(28, |slot| slot % 7 < 5).unwrap()
}

fn slots(count: i64) -> Work {
    Work::from_ticks(count << SLOT_BITS)
}

#[test]
fn a_finish_is_the_left_limit_and_a_start_the_right_limit_of_a_gap() {
    let calendar = weekdays();
    assert_eq!(calendar.finish_at(slots(5)), At::end_of(4));
    assert_eq!(calendar.start_at(slots(5)), At::start_of(7));
    assert_eq!(calendar.finish_at(slots(5)).last_slot(), 4);
    assert_eq!(calendar.start_at(slots(5)).slot(), 7);
}

#[test]
fn every_instant_of_a_gap_has_the_coordinate_of_the_gap() {
    let calendar = weekdays();
    for tick in [At::end_of(4), At::start_of(6), At::from_ticks(At::start_of(7).ticks() - 1)] {
        assert_eq!(calendar.work(tick), slots(5));
    }
    assert_eq!(calendar.work(At::end_of(7)), slots(6));
}

#[test]
fn outside_the_horizon_every_slot_works() {
    let calendar = weekdays();
    assert_eq!(calendar.work(At::start_of(28)), slots(20));
    assert_eq!(calendar.finish_at(slots(23)), At::start_of(31));
    assert_eq!(calendar.work(At::start_of(31)), slots(23));
    assert_eq!(calendar.start_at(slots(-2)), At::start_of(-2));
}

#[test]
fn a_calendar_without_working_time_is_refused() {
    assert_eq!(
        Calendar::from_pattern(9, |_| false),
        Err(CalendarError::NoWorkingTime { horizon_slots: 9 })
    );
    assert_eq!(Calendar::elapsed(0), Err(CalendarError::Horizon { horizon_slots: 0 }));
    let too_long = Calendar::HORIZON_SLOTS_MAX + 1;
    assert_eq!(
        Calendar::elapsed(too_long),
        Err(CalendarError::Horizon { horizon_slots: too_long })
    );
}

#[test]
fn a_working_exception_wins_over_a_holiday_and_a_holiday_over_the_weekday() {
    let week = WeekPattern {
        working_weekdays: [true, true, true, true, true, false, false],
        weekday_of_slot_zero: 2,
        non_working: vec![SlotRange { first: 5, end: 8 }],
        working: vec![SlotRange { first: 7, end: 8 }, SlotRange { first: 11, end: 12 }],
    };
    let calendar = Calendar::from_week(14, &week).unwrap();
    let drawn: String = (0..14).map(|slot| if calendar.works(slot) { '#' } else { '.' }).collect();
    // From a Wednesday: weekend, holiday to Tuesday, worked Wednesday, worked Sunday.
    assert_eq!(drawn, "###....###.###");
}

proptest! {
    #[test]
    fn an_instant_survives_the_way_through_its_coordinate(
        calendar in calendar(), work in work(), side in side(),
    ) {
        prop_assert_eq!(calendar.work(calendar.at(work, side)), work);
    }

    #[test]
    fn a_finish_is_the_first_and_a_start_the_last_instant_of_a_coordinate(
        calendar in calendar(), work in work(),
    ) {
        let tick = Span::from_ticks(1);
        let (start, finish) = (calendar.start_at(work), calendar.finish_at(work));
        prop_assert!(finish <= start);
        prop_assert!(calendar.work(start + tick) > work);
        prop_assert!(calendar.work(finish + -tick) < work);
    }

    #[test]
    fn a_conversion_is_the_way_through_the_instant(
        from in calendar(), to in calendar(), work in work(), side in side(),
    ) {
        let there = Conversion::between(&from, &to);
        prop_assert_eq!(there.convert(work, side), to.work(from.at(work, side)));
    }

    #[test]
    fn latest_before_is_the_upper_adjoint(
        from in calendar(), to in calendar(), work in work(), bound in work(), side in side(),
    ) {
        let there = Conversion::between(&from, &to);
        let back = Conversion::between(&to, &from);
        prop_assert_eq!(
            there.convert(work, side) <= bound,
            work <= back.latest_before(bound, side)
        );
    }

    /// At the very coordinates where a mistake of one tick would show.
    #[test]
    fn the_upper_adjoint_is_tight(
        from in calendar(), to in calendar(), bound in work(), side in side(),
    ) {
        let there = Conversion::between(&from, &to);
        let back = Conversion::between(&to, &from);
        let tick = Span::from_ticks(1);
        let latest = back.latest_before(bound, side);
        prop_assert!(there.convert(latest, side) <= bound);
        prop_assert!(there.convert(latest + tick, side) > bound);
    }
}
