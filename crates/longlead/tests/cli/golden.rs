//! Whole answers, as they look.

use expect_test::{Expect, expect};

use crate::{printed, run, stderr, stdout};

fn check(arguments: &[&str], expected: Expect) {
    expected.assert_eq(&printed(arguments));
}

#[test]
fn plan() {
    check(
        &["plan", "doorbell"],
        expect![[r#"
            Doorbell  as of 4 Jan 2027 · 2,000 samples, seed 7

            2 decisions fall due within 60 days, the first by 15 Feb 2027 (in 42 days): “Camera on rev B?”.
            1 decision comes too late, “Show rev B at the fair?”: decided today, its target holds with 0 %.
            “Rev B at the spring fair” will probably miss 15 Apr 2027 (0 % on time).
            Of 4 targets: 3 safe, 1 lost.
            1 feature needs hardware that nobody has planned: “Presence alerts”.

            Targets
              state   milestone                  target      P50         P80         on time  id
              ✓ safe  Quiet hours: launch        2027-03-31  2027-01-22  2027-01-22    100 %  launch:quiet-hours
              ✗ lost  Rev B at the spring fair   2027-04-15  2027-07-12  2027-07-23      0 %  spring-fair
              ✓ safe  Presence alerts: launch    2027-12-01  2027-07-19  2027-07-30    100 %  launch:presence
                      (only if bell-b carries
                      radar)
              ✓ safe  Snapshot on ring: launch   2027-08-31  2027-07-19  2027-07-30    >99 %  launch:snapshot
              and 1 milestone without a target; --all shows them

            Decisions
              state       decide by   days  question                if now  limited by          id
              ✗ too late  passed            Show rev B at the          0 %  OV2640 for          fair
                                            fair?                           bell-b-dvt
              ! due       2027-02-15    42  Camera on rev B?         >99 %  OV2640 for          camera
                                                                            bell-b-dvt
              ! due       2027-02-15    42  Presence radar on Bell   100 %                      carry:bell-b:
                                            rev B?                                              radar

            Foresight
              ✗ “Presence alerts” needs Presence radar: no hardware has it, and none is planned to. Bell rev B
                could carry it if that is decided by 15 Feb 2027.
              ○ No feature uses Loud chime on Bell rev B: 0.40 EUR a unit, 816 EUR for the 2,040 units to be
                built. It can still be left out.

            Ask next
              longlead decide camera doorbell
              longlead explain spring-fair doorbell
        "#]],
    );
}

#[test]
fn plan_with_activities() {
    check(
        &["plan", "doorbell", "--activities", "--all", "--focus", "launch:snapshot"],
        expect![[r#"
            Doorbell  as of 4 Jan 2027 · 2,000 samples, seed 7

            2 decisions fall due within 60 days, the first by 15 Feb 2027 (in 42 days): “Camera on rev B?”.
            1 decision comes too late, “Show rev B at the fair?”: decided today, its target holds with 0 %.
            “Rev B at the spring fair” will probably miss 15 Apr 2027 (0 % on time).
            Of 4 targets: 3 safe, 1 lost.
            1 feature needs hardware that nobody has planned: “Presence alerts”.

            Targets
              state   milestone                  target      P50         P80         on time  id
              ✓ safe  Quiet hours: launch        2027-03-31  2027-01-22  2027-01-22    100 %  launch:quiet-hours
              · open  Firmware 2.0: release                  2027-01-22  2027-01-22           release:2.0
              ✗ lost  Rev B at the spring fair   2027-04-15  2027-07-12  2027-07-23      0 %  spring-fair
              ✓ safe  Presence alerts: launch    2027-12-01  2027-07-19  2027-07-30    100 %  launch:presence
                      (only if bell-b carries
                      radar)
              ✓ safe  Snapshot on ring: launch   2027-08-31  2027-07-19  2027-07-30    >99 %  launch:snapshot

            Decisions
              state       decide by   days  question                if now  limited by          id
              ✗ too late  passed            Show rev B at the          0 %  OV2640 for          fair
                                            fair?                           bell-b-dvt
              ! due       2027-02-15    42  Camera on rev B?         >99 %  OV2640 for          camera
                                                                            bell-b-dvt
              ! due       2027-02-15    42  Presence radar on Bell   100 %                      carry:bell-b:
                                            rev B?                                              radar

            Foresight
              ✗ “Presence alerts” needs Presence radar: no hardware has it, and none is planned to. Bell rev B
                could carry it if that is decided by 15 Feb 2027.
              ○ No feature uses Loud chime on Bell rev B: 0.40 EUR a unit, 816 EUR for the 2,040 units to be
                built. It can still be left out.

            Activities (criticality and contribution are about launch:snapshot)
              id                     start       finish      late finish  P80         float  critical  adds days
              develop:quiet-hours    2027-01-04  2027-01-15  2027-05-11   2027-01-15     79       0 %        0.0
              develop:presence       2027-01-04  2027-01-29  2027-02-12   2027-01-29     10       0 %        0.0
              release:2.0            2027-01-18  2027-01-22  2027-07-14   2027-01-22    121       0 %        0.0
              develop:snapshot       2027-01-18  2027-02-08  2027-06-01   2027-02-11     79       0 %        0.0
              launch:quiet-hours     2027-01-22  2027-01-22  2027-07-14   2027-01-22    173       0 %        0.0
              design:bell-b          2027-02-15  2027-03-12  2027-03-12   2027-03-12      0     100 %       26.0
              procure:bell-b-dvt:    2027-03-13  2027-04-02  2027-05-25   2027-04-02     53       0 %        0.0
              buzzer
              procure:bell-b-mp:     2027-03-13  2027-04-02  2027-06-22   2027-04-02     81       0 %        0.0
              buzzer
              procure:bell-b-dvt:    2027-03-13  2027-04-23  2027-05-25   2027-04-23     32       0 %        0.0
              radio
              procure:bell-b-mp:     2027-03-13  2027-04-23  2027-06-22   2027-04-23     60       0 %        0.0
              radio
              procure:bell-b-dvt:    2027-03-13  2027-05-25  2027-05-25   2027-06-03      0     >99 %       74.7
              imager
              procure:bell-b-mp:     2027-03-13  2027-05-25  2027-06-22   2027-06-03     28      <1 %        0.7
              imager
              build:bell-b-dvt       2027-05-25  2027-06-01  2027-06-01   2027-06-10      0     >99 %        6.4
              certify:bell-b:ce      2027-06-01  2027-06-22  2027-07-14   2027-07-01     16       0 %        0.0
              test:bell-b-dvt        2027-06-01  2027-06-22  2027-06-22   2027-07-08      0     >99 %       24.7
              approve:bell-b:eu      2027-06-22  2027-06-22  2027-07-14   2027-07-01     22       0 %        0.0
              build:bell-b-mp        2027-06-22  2027-07-07  2027-07-07   2027-07-23      0     100 %       15.0
              spring-fair            2027-07-07  2027-07-07  2027-07-14   2027-07-23      7       0 %        0.0
              units:bell-b           2027-07-07  2027-07-07  2027-07-07   2027-07-23      0     100 %        0.0
              ship:bell-b:eu         2027-07-07  2027-07-14  2027-07-14   2027-07-30      0     100 %        7.0
              available:bell-b:eu    2027-07-14  2027-07-14  2027-07-14   2027-07-30      0     100 %        0.0
              launch:presence        2027-07-14  2027-07-14  2027-07-14   2027-07-30      0       0 %        0.0
              launch:snapshot        2027-07-14  2027-07-14  2027-07-14   2027-07-30      0     100 %        0.0

            Ask next
              longlead decide camera doorbell
              longlead explain spring-fair doorbell
        "#]],
    );
}

#[test]
fn the_list_of_decisions() {
    check(
        &["decide", "doorbell"],
        expect![[r#"
        2 decisions fall due within 60 days, the first by 15 Feb 2027 (in 42 days): “Camera on rev B?”.
        1 decision comes too late, “Show rev B at the fair?”: decided today, its target holds with 0 %.

        Decisions, the most urgent first
          state       decide by   days  question                if now  limited by          id
          ✗ too late  passed            Show rev B at the          0 %  OV2640 for          fair
                                        fair?                           bell-b-dvt
          ! due       2027-02-15    42  Camera on rev B?         >99 %  OV2640 for          camera
                                                                        bell-b-dvt
          ! due       2027-02-15    42  Presence radar on Bell   100 %                      carry:bell-b:
                                        rev B?                                              radar
    "#]],
    );
}

#[test]
fn one_decision() {
    check(
        &["decide", "camera", "doorbell"],
        expect![[r#"
            Camera on rev B?  camera  ! due

            Snapshots are promised for summer.
            Decide by 15 Feb 2027 (in 42 days) to hold 31 Aug 2027 with 80 %. Decided today, 4 Jan 2027, it
            holds with >99 %.

            Chance that the target holds, by the day of the decision
              100 % ┤███████████████████████████████████████████████████████████████████████
               80 % ┤███████████████████████████████████████████████████████████████████████┄┄┄┄┄┄┄┄┄
                    │████████████████████████████████████████████████████████████████████████
               50 % ┤████████████████████████████████████████████████████████████████████████
                    │████████████████████████████████████████████████████████████████████████
                    │████████████████████████████████████████████████████████████████████████
                    │████████████████████████████████████████████████████████████████████████▂
                    │█████████████████████████████████████████████████████████████████████████
                0 % └───────────────────────────────────────────────┬────────────────────────────────
                                                                    Feb
                                                                      decide by 15 Feb 2027 ▲

            Options
              · yes: Take the image sensor (9,000 EUR)
              · no: Leave it out → longlead compare --scenario no-camera

            Include now, or respin later
              Including now costs less: 100,000 EUR to include, against 135,000 EUR expected for waiting
              (450,000 EUR if the need is real, which has 30 %).
              Including pays from a probability of q* = 22.2 %. To know for certain whether the need is real is
              worth up to 70,000 EUR (EVPI).
              At what a week of waiting is worth and a week of delay costs, 90 % is the confidence to pay for:
              decide by 15 Feb 2027.

            Because
              · “Bell rev B: specification and layout” can't start before it is decided
              · Snapshot on ring needs Camera
              · Snapshot on ring needs Free RAM: 64 KiB
              · no device in the field can run it; Bell rev B is the first hardware that can
              · Bell rev A lacks Camera
              · Bell rev A has 32 KiB of Free RAM, 64 KiB is needed
              · “Snapshot on ring: launch” should be reached by 31 Aug 2027 with 80 %
              · the specification freeze of Bell rev B is on 15 Feb 2027
                → “Bell rev B: specification and layout” from 15 Feb 2027 to 12 Mar 2027
                → “OV2640 for bell-b-dvt” from 13 Mar 2027 to 25 May 2027
                → “Bell rev B DVT: build 40” from 25 May 2027 to 1 Jun 2027
                → “Bell rev B DVT: validate” from 1 Jun 2027 to 22 Jun 2027
                → “Bell rev B MP: build 2000” from 22 Jun 2027 to 7 Jul 2027
                → “Bell rev B: first units” on 7 Jul 2027
                → “Bell rev B: ship to European Union” from 7 Jul 2027 to 14 Jul 2027
                → “Bell rev B: on sale in European Union” on 14 Jul 2027
                → “Snapshot on ring: launch” on 14 Jul 2027
              · decided today, that holds with >99 %

            What limits it, the weightiest first
              activity                              of late cases  id
              OV2640 for bell-b-dvt                         100 %  procure:bell-b-dvt:imager
              Bell rev B DVT: validate                      100 %  test:bell-b-dvt
              Bell rev B MP: build 2000                     100 %  build:bell-b-mp
              Bell rev B DVT: build 40                      100 %  build:bell-b-dvt
              Bell rev B: specification and layout          100 %  design:bell-b
              Bell rev B: ship to European Union            100 %  ship:bell-b:eu

            People
              Product management decides
              must be heard: Buyer
        "#]],
    );
}

#[test]
fn explain_a_launch() {
    check(
        &["explain", "snapshot", "doorbell"],
        expect![[r#"
        Snapshot on ring: launch  snapshot

        Half of the samples reach “Snapshot on ring: launch” by 19 Jul 2027, eight in ten by 30 Jul 2027,
        nine in ten by 6 Aug 2027.
        Target 31 Aug 2027: >99 % on time  ✓ safe

        Why: each step waits for the one below it
          If every step took its median and no risk struck, it would be 14 Jul 2027. Paths that meet, rework
          and risks add 5 days to the median.
          ● Snapshot on ring: launch  14 Jul 2027  launch:snapshot
          │   · Snapshot on ring needs Camera
          │   · Snapshot on ring needs Free RAM: 64 KiB
          │   · no device in the field can run it; Bell rev B is the first hardware that can
          │   · Bell rev A lacks Camera
          │   · Bell rev A has 32 KiB of Free RAM, 64 KiB is needed
          ● Bell rev B: on sale in European Union  14 Jul 2027  available:bell-b:eu
          ● Bell rev B: ship to European Union  7 Jul 2027 – 14 Jul 2027  ship:bell-b:eu
          │   · shipping to European Union takes 7 d
          ● Bell rev B: first units  7 Jul 2027  units:bell-b
          ● Bell rev B MP: build 2000  22 Jun 2027 – 7 Jul 2027  build:bell-b-mp
          │   · MP of 2000 units comes after DVT
          │   · takes 8 / 10 / 18 d, on the calendar Office
          ● Bell rev B DVT: validate  1 Jun 2027 – 22 Jun 2027  test:bell-b-dvt
          │   · takes 15 d by Makers, on the calendar Office
          │   · passes the first time with 75 % (first pass); otherwise another round of 10 d
          ● Bell rev B DVT: build 40  25 May 2027 – 1 Jun 2027  build:bell-b-dvt
          │   · DVT of 40 units is the first build
          │   · takes 5 d, on the calendar Office
          ● OV2640 for bell-b-dvt  13 Mar 2027 – 25 May 2027  procure:bell-b-dvt:imager
          │   · 40 × OV2640 are on the BOM of Bell rev B for bell-b-dvt
          │   · Parts house delivers OV2640 in 60 / 70 / 110 d (lead time), the only offer
          ● Bell rev B: specification and layout  15 Feb 2027 – 12 Mar 2027  design:bell-b
              · the specification freeze of Bell rev B is on 15 Feb 2027
              · takes 20 d by Makers, on the calendar Office
              → starts no earlier than 15 Feb 2027

        What moves the date
          activity                              on the way  adds days  cruciality  id
          OV2640 for bell-b-dvt                      >99 %       74.7        0.73  procure:bell-b-dvt:imager
          Bell rev B: specification and layout       100 %       26.0        0.00  design:bell-b
          Bell rev B DVT: validate                   >99 %       24.7        0.60  test:bell-b-dvt
          Bell rev B MP: build 2000                  100 %       15.0        0.20  build:bell-b-mp
          Bell rev B: ship to European Union         100 %        7.0        0.00  ship:bell-b:eu
          Bell rev B DVT: build 40                   >99 %        6.4        0.00  build:bell-b-dvt
          OV2640 for bell-b-mp                        <1 %        0.7        0.01  procure:bell-b-mp:imager
    "#]],
    );
}

#[test]
fn reasons_are_told_in_the_words_of_a_discipline() {
    let arguments = ["explain", "procure:bell-b-mp:imager", "doorbell", "--discipline", "supply"];
    check(
        &arguments,
        expect![[r#"
        OV2640 for bell-b-mp  procure:bell-b-mp:imager


        Why: each step waits for the one below it
          ● OV2640 for bell-b-mp  13 Mar 2027 – 25 May 2027  procure:bell-b-mp:imager
          │   · 2000 × OV2640 are on the BOM of Bell rev B for bell-b-mp
          │   · Parts house delivers OV2640 in 60 / 70 / 110 d (delivery time), the only offer
          ● Bell rev B: specification and layout  15 Feb 2027 – 12 Mar 2027  design:bell-b
              · the specification freeze of Bell rev B is on 15 Feb 2027
              · takes 20 d by Makers, on the calendar Office
              → starts no earlier than 15 Feb 2027
    "#]],
    );
}

#[test]
fn coverage() {
    check(
        &["coverage", "doorbell", "--why"],
        expect![[r#"
        Doorbell: which revision can run which feature
          feature           id           a      b
          Presence alerts   presence     ✗ no   ✗ no
              bell-a lacks Presence radar
              bell-b lacks Presence radar
          Quiet hours       quiet-hours  ✓ yes  ✓ yes
          Snapshot on ring  snapshot     ✗ no   ✓ yes
              bell-a lacks Camera, Free RAM (has 32 KiB, needs 64 KiB)

        Doorbell: share of devices in use that can run it (today is 4 Jan 2027)
          feature           today  Q2 2027  Q3 2027  Q4 2027  Q1 2028  Q2 2028  Q3 2028  Q4 2028  Q1 2029
          devices in use    3,998    3,960    3,919    5,861    5,801    5,743    5,685    5,626    5,569
          Presence alerts       –        –        –        –        –        –        –        –        –
          Quiet hours        90 %     90 %     90 %     90 %     90 %     90 %     90 %     90 %     90 %
          Snapshot on ring      –        –        –     30 %     30 %     30 %     30 %     30 %     30 %
    "#]],
    );
}

#[test]
fn compare_with_a_scenario_that_takes_something_away() {
    check(
        &["compare", "doorbell", "--scenario", "no-camera"],
        expect![[r#"
            Rev B without a camera (no-camera)  against the plan as it is

            Milestones
              milestone                       P80 moves  P80                      on time        id
              Presence alerts: launch             −35 d  2027-07-30 → 2027-06-25  100 %          launch:presence
              Snapshot on ring: launch: now       −35 d  2027-07-30 → 2027-06-25  >99 % → 100 %  launch:snapshot
              only if it is carried after
              all
              Rev B at the spring fair            −35 d  2027-07-23 → 2027-06-18  0 %            spring-fair

            Decisions
              decision          decide by   moves  if decided now  id
              Camera on rev B?  2027-02-15    0 d  >99 % → 100 %   camera

            Features and revisions
              ✗ Bell rev B can no longer run “Snapshot on ring”

            Orphan needs
              ✗ “Snapshot on ring” needs Camera, which no planned hardware has now

            13 activities move; --activities lists them
        "#]],
    );
}

#[test]
fn compare_with_a_scenario_that_delays() {
    check(
        &["compare", "doorbell", "--scenario", "slow-imager", "--activities"],
        expect![[r#"
            The image sensor takes half a year (slow-imager)  against the plan as it is

            Milestones
              milestone                 P80 moves  P80                      on time       id
              Presence alerts: launch      +105 d  2027-07-30 → 2027-11-12  100 % → 98 %  launch:presence
              Snapshot on ring: launch     +105 d  2027-07-30 → 2027-11-12  >99 % → 0 %   launch:snapshot
              Rev B at the spring fair     +105 d  2027-07-23 → 2027-11-05  0 %           spring-fair

            Decisions
              decision                       decide by              moves  if decided now  id
              Camera on rev B?               2027-02-15 → too late         >99 % → 0 %     camera
              Presence radar on Bell rev B?  2027-02-15               0 d  100 % → 98 %    carry:bell-b:radar

            Activities
              activity                          finish moves  finish (median)          id
              Bell rev B: approved for                +107 d  2027-06-23 → 2027-10-08  approve:bell-b:eu
              European Union
              Bell rev B: on sale in European         +106 d  2027-07-19 → 2027-11-02  available:bell-b:eu
              Union
              Bell rev B DVT: build 40                +107 d  2027-06-02 → 2027-09-17  build:bell-b-dvt
              Bell rev B MP: build 2000               +106 d  2027-07-12 → 2027-10-26  build:bell-b-mp
              Bell rev B: certify CE RED              +107 d  2027-06-23 → 2027-10-08  certify:bell-b:ce
              Presence alerts: launch                 +106 d  2027-07-19 → 2027-11-02  launch:presence
              Snapshot on ring: launch                +106 d  2027-07-19 → 2027-11-02  launch:snapshot
              OV2640 for bell-b-dvt                   +107 d  2027-05-26 → 2027-09-10  procure:bell-b-dvt:imager
              OV2640 for bell-b-mp                    +108 d  2027-05-25 → 2027-09-10  procure:bell-b-mp:imager
              Bell rev B: ship to European            +106 d  2027-07-19 → 2027-11-02  ship:bell-b:eu
              Union
              Rev B at the spring fair                +106 d  2027-07-12 → 2027-10-26  spring-fair
              Bell rev B DVT: validate                +105 d  2027-06-28 → 2027-10-11  test:bell-b-dvt
              Bell rev B: first units                 +106 d  2027-07-12 → 2027-10-26  units:bell-b
        "#]],
    );
}

#[test]
fn a_bundle_does_not_differ_from_itself() {
    let told = printed(&["compare", "doorbell", "doorbell"]);
    assert!(told.ends_with("\nNothing differs.\n"), "{told}");
}

#[test]
fn check_a_bundle_that_is_fine() {
    check(
        &["check", "doorbell"],
        expect![[r#"
        ✓ 36 records, no problems
          1 product · 2 revisions · 4 capabilities · 3 features · 1 release · 2 decisions · 1 milestone · 1
          calendar · 1 team · 3 parts · 1 supplier · 3 offers · 4 BOM lines · 2 builds · 1 market · 1 regime
          · 2 stakeholders · 1 term · 2 scenarios
    "#]],
    );
}

#[test]
fn check_a_broken_bundle() {
    let output = run(&["check", "broken"]);
    expect![[r#"
        broken/product.toml:7:11: error[unknown-reference]: feature `dim` refers to product `lamb` in `product`, which doesn't exist
            help: did you mean `lamp`?
        broken/product.toml:14:30: error[impossible-estimate]: low 9, likely 5, high 14 are out of order
            help: put the values in rising order: low ≤ likely ≤ high, 0 < P50 ≤ P90
        broken/product.toml:15:1: error[unknown-field]: feature `glow` has no field `colour`
            help: its fields are id, product, title, requires, work, release, after, markets, target,
                  confidence, value, delay_cost_per_week, probability, stakeholders
        broken/product.toml:17:1: error[duplicate-id]: feature `dim` is written twice
            help: give one of them another id, or remove it
            broken/product.toml:5:1: the first time

        4 errors; 2 records could be read
    "#]].assert_eq(&stdout(&output));
}

#[test]
fn plan_a_broken_bundle() {
    let output = run(&["plan", "broken"]);
    assert_eq!(stdout(&output), "");
    expect![[r#"
        broken/product.toml:7:11: error[unknown-reference]: feature `dim` refers to product `lamb` in `product`, which doesn't exist
            help: did you mean `lamp`?
        broken/product.toml:14:30: error[impossible-estimate]: low 9, likely 5, high 14 are out of order
            help: put the values in rising order: low ≤ likely ≤ high, 0 < P50 ≤ P90
        broken/product.toml:15:1: error[unknown-field]: feature `glow` has no field `colour`
            help: its fields are id, product, title, requires, work, release, after, markets, target,
                  confidence, value, delay_cost_per_week, probability, stakeholders
        broken/product.toml:17:1: error[duplicate-id]: feature `dim` is written twice
            help: give one of them another id, or remove it
            broken/product.toml:5:1: the first time
        4 errors
    "#]].assert_eq(&stderr(&output));
}

#[test]
fn an_empty_bundle_teaches() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("product.toml"), "[settings]\nas_of = 2027-01-04\n").unwrap();
    check(
        &["plan", &folder.path().to_string_lossy()],
        expect![[r#"
        Plan  as of 4 Jan 2027 · 10,000 samples, seed 1

        There is no target and no decision yet, so nothing can be late.

        Milestones
          None yet: a [[milestone]] with `after` and a `target`, or a [[feature]], makes one.

        Decisions
          None yet: a [[decision]] gates activities, such as `design:REVISION`, and has a target, such as
          `launch:FEATURE`.

        Foresight
          Every feature's needs are met by hardware that exists or is planned, and nothing on the boards to
          come is unused.
    "#]],
    );
}

#[test]
fn the_tour_tells_its_story() {
    let tour = printed(&["demo", "--tour"]);
    for told in [
        "$ longlead plan coldtrack",
        "Light sensor on tracker rev C?  light-sensor",
        "Decide by 18 Jan 2027",
        "Why: each step waits for the one below it",
        "✗ Tracker rev C can no longer run “Door-open alerts”",
        "longlead demo --write coldtrack",
    ] {
        assert!(tour.contains(told), "{told} is missing in\n{tour}");
    }
}
