//! Trucks of the IoT use case of the Time Series Benchmark Suite, by its documented schema: two
//! measurements, every ten seconds, each with the tags of its truck and its static properties. What
//! trucks do is our own: they drive, rest, load, refuel and break down as random walks.

use std::fmt::Write;

use super::super::dice;

/// 2016-01-01T00:00Z, as TSBS begins.
pub(super) const BEGIN_SECONDS: u64 = 1_451_606_400;
pub(super) const STEP_SECONDS: u64 = 10;

const FLEETS: [&str; 4] = ["East", "West", "North", "South"];
const DRIVERS: [&str; 6] = ["Derek", "Rodney", "Albert", "Andy", "Seth", "Trish"];
const VERSIONS: [&str; 4] = ["v1.0", "v1.5", "v2.0", "v2.3"];
/// Name, load capacity, fuel capacity, nominal fuel consumption.
const MODELS: [(&str, u32, u32, u32); 3] =
    [("F-150", 2000, 200, 15), ("G-2000", 5000, 300, 19), ("H-2", 1500, 150, 12)];

/// All trucks at one time.
pub(super) struct World {
    trucks: Vec<Truck>,
    pub(super) seconds: u64,
}

struct Truck {
    tags: String,
    csv: String,
    dice: u64,
    is_driving: bool,
    is_broken: bool,
    latitude: f64,
    longitude: f64,
    elevation: f64,
    velocity: f64,
    heading: f64,
    grade: f64,
    fuel: f64,
    load: f64,
    load_capacity: f64,
    statics: [u32; 3],
}

impl World {
    pub(super) fn begin(trucks: u64) -> World {
        World { trucks: (0..trucks).map(Truck::new).collect(), seconds: BEGIN_SECONDS }
    }

    /// Lets ten seconds pass.
    pub(super) fn step(&mut self) {
        self.trucks.iter_mut().for_each(Truck::step);
        self.seconds += STEP_SECONDS;
    }

    /// Two points of each truck, in the line protocol.
    pub(super) fn lines(&self, out: &mut String) {
        for truck in &self.trucks {
            truck.lines(self.seconds, out);
        }
    }

    /// A row of each truck for either table, as CSV.
    pub(super) fn csv(&self, readings: &mut String, diagnostics: &mut String) {
        for truck in &self.trucks {
            truck.csv(self.seconds, readings, diagnostics);
        }
    }
}

impl Truck {
    fn new(number: u64) -> Truck {
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 123;
        let mut pick = |below: usize| dice(&mut state) as usize % below;
        let (fleet, driver) = (FLEETS[pick(4)], DRIVERS[pick(6)]);
        let (model, load_capacity, fuel_capacity, nominal) = MODELS[pick(3)];
        let version = VERSIONS[pick(4)];
        let latitude = pick(160_000) as f64 / 1_000.0 - 80.0;
        let longitude = pick(360_000) as f64 / 1_000.0 - 180.0;
        let is_driving = pick(10) < 7;
        Truck {
            tags: format!(
                "name=truck_{number},fleet={fleet},driver={driver},model={model},\
                 device_version={version}"
            ),
            csv: format!("truck_{number},{fleet},{driver},{model},{version}"),
            dice: state,
            is_driving,
            is_broken: false,
            latitude,
            longitude,
            elevation: 250.0,
            velocity: 0.0,
            heading: 180.0,
            grade: 0.0,
            fuel: 1.0,
            load: 0.0,
            load_capacity: load_capacity.into(),
            statics: [load_capacity, fuel_capacity, nominal],
        }
    }

    /// A whole number from -`most` to `most`.
    fn sway(&mut self, most: u64) -> f64 {
        (dice(&mut self.dice) % (2 * most + 1)) as f64 - most as f64
    }

    fn once_in(&mut self, times: u64) -> bool {
        dice(&mut self.dice).is_multiple_of(times)
    }

    fn step(&mut self) {
        let turns = if self.is_driving { self.once_in(1_000) } else { self.once_in(400) };
        self.is_driving ^= turns;
        let changes = if self.is_broken { self.once_in(200) } else { self.once_in(5_000) };
        self.is_broken ^= changes;
        if turns {
            self.load = self.load_capacity * (dice(&mut self.dice) % 101) as f64 / 100.0;
        }
        if !self.is_driving || self.is_broken {
            self.velocity = 0.0;
            return;
        }
        self.velocity = (self.velocity + self.sway(10)).clamp(0.0, 100.0);
        self.heading = (self.heading + self.sway(3)).clamp(0.0, 360.0);
        self.grade = (self.grade + self.sway(5)).clamp(0.0, 100.0);
        self.elevation = (self.elevation + self.sway(10)).clamp(0.0, 5_000.0);
        self.latitude = (self.latitude + self.sway(100) / 1e5).clamp(-90.0, 90.0);
        self.longitude = (self.longitude + self.sway(100) / 1e5).clamp(-180.0, 180.0);
        self.fuel -= 0.0005;
        if self.fuel < 0.05 && self.once_in(50) || self.fuel <= 0.0005 {
            self.fuel = 1.0;
        }
    }

    /// Litres for a hundred kilometres: more uphill and loaded.
    fn fuel_consumption(&self) -> f64 {
        let nominal = f64::from(self.statics[2]);
        let more = 1.0 + self.grade / 100.0 + self.load / self.load_capacity / 2.0;
        (nominal * more * 10.0).round() / 10.0
    }

    fn status(&self) -> u32 {
        if self.is_broken { 0 } else { 1 + u32::from(self.is_driving) }
    }

    fn lines(&self, seconds: u64, out: &mut String) {
        let [load_capacity, fuel_capacity, nominal] = self.statics;
        // Writing to a text can't fail.
        let _ = writeln!(
            out,
            "readings,{} load_capacity={load_capacity},fuel_capacity={fuel_capacity},\
             nominal_fuel_consumption={nominal},latitude={:.5},longitude={:.5},elevation={},\
             velocity={},heading={},grade={},fuel_consumption={} {seconds}000000000",
            self.tags,
            self.latitude,
            self.longitude,
            self.elevation,
            self.velocity,
            self.heading,
            self.grade,
            self.fuel_consumption(),
        );
        let _ = writeln!(
            out,
            "diagnostics,{} load_capacity={load_capacity},fuel_capacity={fuel_capacity},\
             nominal_fuel_consumption={nominal},fuel_state={:.4},current_load={},status={} \
             {seconds}000000000",
            self.tags,
            self.fuel,
            self.load,
            self.status(),
        );
    }

    fn csv(&self, seconds: u64, readings: &mut String, diagnostics: &mut String) {
        let [load_capacity, fuel_capacity, nominal] = self.statics;
        // Writing to a text can't fail.
        let _ = writeln!(
            readings,
            "{},{seconds},{load_capacity},{fuel_capacity},{nominal},{:.5},{:.5},{},{},{},{},{}",
            self.csv,
            self.latitude,
            self.longitude,
            self.elevation,
            self.velocity,
            self.heading,
            self.grade,
            self.fuel_consumption(),
        );
        let _ = writeln!(
            diagnostics,
            "{},{seconds},{load_capacity},{fuel_capacity},{nominal},{:.4},{},{}",
            self.csv,
            self.fuel,
            self.load,
            self.status(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::World;

    #[test]
    fn both_forms_tell_the_same_and_every_run_is_alike() {
        let (mut world, mut other) = (World::begin(3), World::begin(3));
        for _ in 0..500 {
            world.step();
            other.step();
        }
        let (mut lines, mut again) = (String::new(), String::new());
        world.lines(&mut lines);
        other.lines(&mut again);
        assert_eq!(lines, again);
        assert_eq!(lines.lines().count(), 6);
        let (mut readings, mut diagnostics) = (String::new(), String::new());
        world.csv(&mut readings, &mut diagnostics);
        assert_eq!((readings.lines().count(), diagnostics.lines().count()), (3, 3));
        let fields: Vec<&str> = readings.lines().next().unwrap().split(',').collect();
        assert_eq!(fields.len(), 16);
        let first = lines.lines().next().unwrap();
        assert!(first.contains(&format!("latitude={},longitude={}", fields[9], fields[10])));
        assert!(first.ends_with("1451611400000000000"), "{first}");
    }
}
