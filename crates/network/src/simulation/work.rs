//! The work of each activity in each sample: estimate, rework, risks.
//!
//! Work is (estimate + rounds of rework) × every multiplying risk that occurs,
//! plus every adding risk that occurs, less what is already done.

use crate::{
    compile::{Compiled, Node, NodeState},
    draw::{BLOCK, Role, Row, Stream},
    estimate::Estimate,
    quantile::{InTicks, Layout, NormalSampler, Sampler, TICKS_MAX, UniformTable},
    risk::Impact,
    time::Span,
};

/// How the work of one activity is drawn.
#[derive(Debug)]
pub(super) struct Work {
    base: Base,
    rework: Option<Rework>,
    /// Multiplying effects before adding ones.
    effects: Vec<Effect>,
    done: i32,
}

#[derive(Debug)]
enum Base {
    Certain(i32),
    Alone { stream: Stream, sampler: InTicks<Sampler> },
    Grouped { stream: Stream, group: usize, own_share: f32, sampler: InTicks<NormalSampler> },
}

#[derive(Debug)]
struct Rework {
    rounds: Stream,
    /// A sample has at least round k (counted from 1) if its draw is below
    /// `limits[k − 1]`.
    limits: Vec<u64>,
    streams: Vec<Stream>,
    sampler: InTicks<Sampler>,
}

#[derive(Debug)]
struct Effect {
    risk: usize,
    hit: Hit,
}

#[derive(Debug)]
enum Hit {
    Multiply(Sampler),
    Add(InTicks<Sampler>),
}

/// Draws that several activities share.
#[derive(Debug)]
pub(super) struct Causes {
    risks: Vec<RiskDraws>,
    groups: Vec<GroupDraws>,
    normal: UniformTable,
}

#[derive(Debug)]
struct RiskDraws {
    occurrence: Stream,
    impact: Stream,
    limit: u64,
}

#[derive(Debug)]
struct GroupDraws {
    stream: Stream,
    shared_share: f32,
}

/// The shared draws of one block.
#[derive(Debug)]
pub(super) struct CauseRows {
    /// All ones where the risk occurs.
    occurs: Vec<Row<i32>>,
    impacts: Vec<Row<u32>>,
    /// The group's part of its members' z.
    shared: Vec<Row<f32>>,
}

/// A probability in units of 2^−32, to compare a draw with.
fn limit(probability: f64) -> u64 {
    (probability * 2f64.powi(32)).round() as u64
}

fn whole_ticks(slots: f64) -> i32 {
    Span::from_slots(slots).ticks().clamp(0, i64::from(TICKS_MAX)) as i32
}

impl Causes {
    pub(super) fn new(compiled: &Compiled, layout: &Layout, seed: u64) -> Causes {
        let network = compiled.network();
        let risks = network.risks.iter().map(|risk| RiskDraws {
            occurrence: Stream::new(seed, Role::Occurrence, &risk.name),
            impact: Stream::new(seed, Role::Impact, &risk.name),
            limit: limit(risk.probability),
        });
        let groups = network.groups.iter().map(|group| GroupDraws {
            stream: Stream::new(seed, Role::Group, &group.name),
            shared_share: group.rho.sqrt() as f32,
        });
        Causes {
            risks: risks.collect(),
            groups: groups.collect(),
            normal: UniformTable::standard_normal(layout),
        }
    }

    /// Rows to draw into.
    pub(super) fn rows(&self) -> CauseRows {
        CauseRows {
            occurs: vec![[0; BLOCK]; self.risks.len()],
            impacts: vec![[0; BLOCK]; self.risks.len()],
            shared: vec![[0.0; BLOCK]; self.groups.len()],
        }
    }

    /// Draws what the activities share in a block.
    pub(super) fn draw(&self, block: u32, rows: &mut CauseRows) {
        for risk in 0..self.risks.len() {
            self.draw_risk(risk, block, rows);
        }
        for group in 0..self.groups.len() {
            self.draw_group(group, block, rows);
        }
    }

    fn draw_risk(&self, index: usize, block: u32, rows: &mut CauseRows) {
        let risk = &self.risks[index];
        let mut draws = [0; BLOCK];
        risk.occurrence.fill(block, &mut draws);
        for (occurs, draw) in rows.occurs[index].iter_mut().zip(&draws) {
            *occurs = -i32::from(u64::from(*draw) < risk.limit);
        }
        risk.impact.fill(block, &mut rows.impacts[index]);
    }

    fn draw_group(&self, index: usize, block: u32, rows: &mut CauseRows) {
        let mut draws = [0; BLOCK];
        self.groups[index].stream.fill(block, &mut draws);
        self.normal.read(&draws, &mut rows.shared[index]);
        for z in &mut rows.shared[index] {
            *z *= self.groups[index].shared_share;
        }
    }
}

impl Work {
    pub(super) fn new(compiled: &Compiled, node: &Node, layout: &Layout, seed: u64) -> Work {
        let activity = &compiled.network().activities[node.activity.index()];
        let certain =
            |ticks| Work { base: Base::Certain(ticks), rework: None, effects: Vec::new(), done: 0 };
        let (estimate, done) = match node.state {
            NodeState::Finished { work } => return certain(work.ticks() as i32),
            NodeState::Started { done, .. } => (activity.work_left(), done.ticks() as i32),
            NodeState::Open => (&activity.estimate, 0),
        };
        let stream = Stream::new(seed, Role::Work, &activity.name);
        let group = activity
            .group
            .map(|group| (group.index(), compiled.network().groups[group.index()].rho));
        Work {
            base: Base::new(stream, group, estimate, layout),
            rework: Rework::new(compiled, node, layout, seed),
            effects: effects(compiled, node, layout),
            done,
        }
    }

    /// Whether there is no work in any sample: a milestone.
    pub(super) fn is_nothing(&self) -> bool {
        self.is_certain() && matches!(self.base, Base::Certain(0))
    }

    /// Whether the work is the same in every sample.
    pub(super) fn is_certain(&self) -> bool {
        matches!(self.base, Base::Certain(_)) && self.rework.is_none() && self.effects.is_empty()
    }

    /// The work in each sample of a block, drawing anew the causes that it
    /// shares with others.
    pub(super) fn draw_alone(
        &self,
        causes: &Causes,
        shared: &mut CauseRows,
        block: u32,
        work: &mut Row<i32>,
    ) {
        if let Base::Grouped { group, .. } = &self.base {
            causes.draw_group(*group, block, shared);
        }
        for effect in &self.effects {
            causes.draw_risk(effect.risk, block, shared);
        }
        self.draw(causes, shared, block, work);
    }

    /// The work in each sample of a block.
    #[inline]
    pub(super) fn draw(
        &self,
        causes: &Causes,
        shared: &CauseRows,
        block: u32,
        work: &mut Row<i32>,
    ) {
        self.base.draw(causes, shared, block, work);
        if let Some(rework) = &self.rework {
            rework.add(block, work);
        }
        for effect in &self.effects {
            effect.apply(shared, work);
        }
        if self.done > 0 {
            for ticks in work {
                *ticks = (*ticks - self.done).max(0);
            }
        }
    }
}

impl Base {
    fn new(
        stream: Stream,
        group: Option<(usize, f64)>,
        estimate: &Estimate,
        layout: &Layout,
    ) -> Base {
        if estimate.is_certain() {
            return Base::Certain(whole_ticks(estimate.mean()));
        }
        match group {
            Some((group, rho)) => Base::Grouped {
                stream,
                group,
                own_share: (1.0 - rho).max(0.0).sqrt() as f32,
                sampler: InTicks::<NormalSampler>::new(layout, estimate),
            },
            None => Base::Alone { stream, sampler: InTicks::<Sampler>::new(layout, estimate) },
        }
    }

    #[inline]
    fn draw(&self, causes: &Causes, shared: &CauseRows, block: u32, work: &mut Row<i32>) {
        let mut draws = [0; BLOCK];
        match self {
            Base::Certain(ticks) => work.fill(*ticks),
            Base::Alone { stream, sampler } => {
                stream.fill(block, &mut draws);
                sampler.read(&draws, work);
            }
            Base::Grouped { stream, group, own_share, sampler } => {
                stream.fill(block, &mut draws);
                let mut z = [0.0; BLOCK];
                causes.normal.read(&draws, &mut z);
                for (z, shared) in z.iter_mut().zip(&shared.shared[*group]) {
                    *z = *z * own_share + shared;
                }
                sampler.read(&z, work);
            }
        }
    }
}

impl Rework {
    fn new(compiled: &Compiled, node: &Node, layout: &Layout, seed: u64) -> Option<Rework> {
        let activity = &compiled.network().activities[node.activity.index()];
        let rework = activity.rework.as_ref()?;
        let fail = 1.0 - rework.first_pass;
        let mut probability = 1.0;
        let limits: Vec<u64> = (0..rework.rounds_max)
            .map_while(|_| {
                probability *= fail;
                Some(limit(probability)).filter(|limit| *limit > 0)
            })
            .collect();
        let stream = |round: usize| Stream::new(seed, Role::Rework(round as u32), &activity.name);
        Some(Rework {
            rounds: Stream::new(seed, Role::Rounds, &activity.name),
            streams: (1..=limits.len()).map(stream).collect(),
            limits,
            sampler: InTicks::<Sampler>::new(layout, &rework.estimate),
        })
    }

    fn add(&self, block: u32, work: &mut Row<i32>) {
        let (mut rounds, mut draws, mut round) = ([0; BLOCK], [0; BLOCK], [0; BLOCK]);
        self.rounds.fill(block, &mut rounds);
        for (limit, stream) in self.limits.iter().zip(&self.streams) {
            if !rounds.iter().any(|draw| u64::from(*draw) < *limit) {
                return;
            }
            stream.fill(block, &mut draws);
            self.sampler.read(&draws, &mut round);
            for ((ticks, round), draw) in work.iter_mut().zip(&round).zip(&rounds) {
                let happens = -i32::from(u64::from(*draw) < *limit);
                *ticks = (*ticks + (round & happens)).min(TICKS_MAX);
            }
        }
    }
}

fn effects(compiled: &Compiled, node: &Node, layout: &Layout) -> Vec<Effect> {
    let risks = &compiled.network().risks;
    let mut effects = Vec::new();
    for (risk, stated) in risks.iter().enumerate() {
        for effect in stated.effects.iter().filter(|effect| effect.activity == node.activity) {
            let hit = match &effect.impact {
                Impact::Multiply(estimate) => Hit::Multiply(Sampler::of_factors(layout, estimate)),
                Impact::Add(estimate) => Hit::Add(InTicks::<Sampler>::new(layout, estimate)),
            };
            effects.push(Effect { risk, hit });
        }
    }
    // By name, since products of floats depend on their order in the last bit.
    effects.sort_by_key(|effect| (matches!(effect.hit, Hit::Add(_)), &risks[effect.risk].name));
    effects
}

impl Effect {
    fn apply(&self, shared: &CauseRows, work: &mut Row<i32>) {
        let (occurs, impacts) = (&shared.occurs[self.risk], &shared.impacts[self.risk]);
        if occurs.iter().all(|occurs| *occurs == 0) {
            return;
        }
        let mut hits = [0; BLOCK];
        match &self.hit {
            Hit::Multiply(sampler) => {
                let mut factors = [0.0; BLOCK];
                sampler.read(impacts, &mut factors);
                for ((hit, factor), ticks) in hits.iter_mut().zip(&factors).zip(&*work) {
                    *hit = (*ticks as f32 * factor) as i32;
                }
            }
            Hit::Add(sampler) => {
                sampler.read(impacts, &mut hits);
                for (hit, ticks) in hits.iter_mut().zip(&*work) {
                    *hit += ticks;
                }
            }
        }
        for ((ticks, hit), occurs) in work.iter_mut().zip(&hits).zip(occurs) {
            *ticks = if *occurs == 0 { *ticks } else { (*hit).clamp(0, TICKS_MAX) };
        }
    }
}
