//! Medians, and ratios taken pair by pair.

use serde::Serialize;

use crate::{
    contestant::Contestant, engine::EngineRun, machine::Machine, options::Limits, pool::Pool,
    wrk::Load,
};

/// One contestant at one number of connections in one round.
#[derive(Debug, Serialize)]
pub struct Measurement {
    pub contestant: Contestant,
    pub connections: u32,
    pub round: u32,
    /// Nothing, if it could not be started or loaded.
    pub load: Option<Load>,
    pub failures: Vec<String>,
}

/// Everything one run of the driver found out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    pub machine: Machine,
    pub rounds: u32,
    pub seconds: u64,
    pub warm_up_seconds: u64,
    pub connections: Vec<u32>,
    pub compared_connections: u32,
    pub contestants: Vec<Contestant>,
    pub limits: Limits,
    /// Of the row lock.
    pub pool: Pool,
    pub measurements: Vec<Measurement>,
    pub engine: Vec<EngineRun>,
}

impl Results {
    /// The median over the rounds of a number of each load.
    pub fn median(
        &self,
        contestant: Contestant,
        connections: u32,
        number: impl Fn(&Load) -> f64,
    ) -> Option<f64> {
        median(
            (1..=self.rounds)
                .filter_map(|round| self.load(contestant, connections, round))
                .map(number),
        )
    }

    /// How many times faster than `other`: compared round by round, then the median. Neighbours in
    /// time share the machine's mood, so this is steadier than a ratio of two medians.
    pub fn times(
        &self,
        contestant: Contestant,
        other: Contestant,
        connections: u32,
    ) -> Option<f64> {
        median((1..=self.rounds).filter_map(|round| {
            let ours = self.load(contestant, connections, round)?.requests_per_second();
            let theirs = self.load(other, connections, round)?.requests_per_second();
            (theirs > 0.0).then(|| ours / theirs)
        }))
    }

    /// One line for everything that went wrong.
    pub fn failures(&self) -> Vec<String> {
        let failed = self.measurements.iter();
        failed
            .flat_map(|at| {
                let (name, connections, round) = (at.contestant.name(), at.connections, at.round);
                at.failures.iter().map(move |failure| {
                    format!("{name}, {connections} connections, round {round}: {failure}")
                })
            })
            .collect()
    }

    fn load(&self, contestant: Contestant, connections: u32, round: u32) -> Option<&Load> {
        let is_it = |at: &&Measurement| {
            at.contestant == contestant && at.connections == connections && at.round == round
        };
        self.measurements.iter().find(is_it)?.load.as_ref()
    }
}

/// The middle of the numbers, or of the two in the middle; nothing of none.
pub fn median(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([].into_iter()), None);
        assert_eq!(median([7.0].into_iter()), Some(7.0));
        assert_eq!(median([9.0, 1.0, 5.0].into_iter()), Some(5.0));
        assert_eq!(median([4.0, 1.0, 2.0, 9.0].into_iter()), Some(3.0));
    }
}
