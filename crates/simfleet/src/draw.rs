//! Counter-based draws: each is a pure function of (seed, role, who, index), so a device's past is
//! the same whether it is played from its first day or looked up in the middle.

/// What a draw decides. Each role has draws of its own, so that one more role changes no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Origin = 1,
    Failure,
    Update,
    Boot,
    Coverage,
    Delivery,
    Clock,
    Sensor,
    Noise,
    Battery,
    Truck,
    Door,
    Route,
    Excursion,
}

/// Uniform draws of one role of one device or truck.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    key: u64,
}

/// SplitMix64's increment: 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Draws {
    pub(crate) fn new(seed: u64, role: Role, who: u32) -> Draws {
        let keyed = mix(seed.wrapping_add((role as u64).wrapping_mul(GOLDEN)));
        Draws { key: mix(keyed ^ mix(u64::from(who).wrapping_add(GOLDEN))) }
    }

    /// Draws of a part of this role, such as of one day.
    pub(crate) fn of(self, part: u64) -> Draws {
        Draws { key: mix(self.key ^ mix(part.wrapping_add(1).wrapping_mul(GOLDEN))) }
    }

    pub(crate) fn bits(self, index: u64) -> u64 {
        mix(self.key.wrapping_add(index.wrapping_add(1).wrapping_mul(GOLDEN)))
    }

    /// Above 0 and below 1.
    pub(crate) fn unit(self, index: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
        let whole = (self.bits(index) >> 11) as f64;
        (whole + 0.5) / 9_007_199_254_740_992.0
    }

    pub(crate) fn between(self, index: u64, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit(index)
    }

    pub(crate) fn is(self, index: u64, probability: f64) -> bool {
        self.unit(index) < probability
    }

    pub(crate) fn exponential(self, index: u64, mean: f64) -> f64 {
        -mean * libm::log(self.unit(index))
    }

    /// By its scale and shape, from the inverse of its distribution.
    pub(crate) fn weibull(self, index: u64, scale: f64, shape: f64) -> f64 {
        scale * libm::pow(-libm::log(self.unit(index)), 1.0 / shape)
    }

    /// Mean 0 and standard deviation 1, as the sum of twelve uniform draws of 16 bits less six:
    /// close enough for noise, and bounded, as real noise is.
    pub(crate) fn normal(self, index: u64) -> f64 {
        let sum: u64 = (0..3)
            .map(|part| {
                let bits = self.bits(index.wrapping_mul(3).wrapping_add(part));
                (0..4).map(|place| (bits >> (16 * place)) & 0xFFFF).sum::<u64>()
            })
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "the sum is below 2^20")]
        let sum = sum as f64;
        sum / 65_536.0 - 6.0
    }

    pub(crate) fn pick<T: Copy>(self, index: u64, from: &[T], otherwise: T) -> T {
        let place = self.bits(index) % (from.len().max(1) as u64);
        usize::try_from(place).ok().and_then(|place| from.get(place).copied()).unwrap_or(otherwise)
    }
}

/// SplitMix64's output function (Steele, Lea & Flood 2014; Stafford's variant 13).
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Draws, Role};

    fn moments(draw: impl Fn(u64) -> f64) -> (f64, f64) {
        let count = 20_000;
        let mean = (0..count).map(&draw).sum::<f64>() / 20_000.0;
        let square = (0..count).map(|it| (draw(it) - mean).powi(2)).sum::<f64>() / 20_000.0;
        (mean, square)
    }

    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let draws = Draws::new(7, Role::Noise, 3);
        // Weibull with shape 2: mean = scale · Γ(1.5), variance = scale² · (1 − Γ(1.5)²).
        let gamma = 0.886_226_925_452_758;
        for (drawn, mean, variance) in [
            (moments(|it| draws.unit(it)), 0.5, 1.0 / 12.0),
            (moments(|it| draws.normal(it)), 0.0, 1.0),
            (moments(|it| draws.exponential(it, 2.0)), 2.0, 4.0),
            (moments(|it| draws.weibull(it, 3.0, 2.0)), 3.0 * gamma, 9.0 * (1.0 - gamma * gamma)),
        ] {
            assert!((drawn.0 - mean).abs() < 0.05, "mean {drawn:?} {mean}");
            assert!((drawn.1 - variance).abs() < 0.2, "variance {drawn:?} {variance}");
        }
    }

    #[test]
    fn roles_devices_and_parts_have_draws_of_their_own() {
        let first = Draws::new(7, Role::Noise, 3);
        for other in [
            Draws::new(8, Role::Noise, 3),
            Draws::new(7, Role::Door, 3),
            Draws::new(7, Role::Noise, 4),
            first.of(0),
        ] {
            let same = (0..1000).filter(|it| first.bits(*it) == other.bits(*it)).count();
            assert_eq!(same, 0);
        }
    }
}
