//! How simulated coaches answer (docs/domain.md §10): drawn from a hash, so that every replay is
//! the same.

use crate::domain::time::{BusinessTime, Day, Instant, add_days};
use chrono::{NaiveTime, TimeDelta};
use sha2::{Digest, Sha256};

/// One coach's habits; the columns of `coach_behaviour.csv`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Behaviour {
    /// Says yes so often, 0 to 1.
    pub accept_probability: f64,
    /// Half of the answers come within so many minutes.
    pub median_answer_minutes: f64,
    /// Passes the software test so often, 0 to 1.
    pub pass_test_probability: f64,
}

/// What a coach does about an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes at an instant, and the software test at a later one.
    Yes {
        /// When the yes is said.
        at: Instant,
        /// When the test is taken.
        test_at: Instant,
        /// Whether it is passed.
        passes: bool,
    },
    /// No at an instant.
    No {
        /// When the no is said.
        at: Instant,
    },
    /// Never an answer.
    Silence,
}

/// What a coach does about an invitation to a template's class of a day that was sent at an
/// instant.
pub fn answer(
    time: BusinessTime,
    habits: Behaviour,
    coach: &str,
    template: &str,
    day: Day,
    sent: Instant,
) -> Answer {
    let draw = |n: u8| uniform(coach, template, day, n);
    let minutes = (habits.median_answer_minutes.ln() + 0.8 * inverse_normal(draw(1))).exp();
    let at = by_day(time, sent + seconds(minutes));
    if draw(2) < habits.accept_probability {
        let test_at = by_day(time, at + seconds((minutes / 2.0).max(10.0)));
        Answer::Yes { at, test_at, passes: draw(4) < habits.pass_test_probability }
    } else if draw(3) < 0.6 {
        Answer::No { at }
    } else {
        Answer::Silence
    }
}

/// Answers between 23:00 and 07:00 come at 07:00.
fn by_day(time: BusinessTime, at: Instant) -> Instant {
    let (seven, eleven) = (
        NaiveTime::from_hms_opt(7, 0, 0).unwrap_or_default(),
        NaiveTime::from_hms_opt(23, 0, 0).unwrap_or_default(),
    );
    let (day, clock) = (time.day(at), time.time(at));
    if clock < seven {
        time.at(day, seven)
    } else if clock >= eleven {
        time.at(add_days(day, 1), seven)
    } else {
        at
    }
}

fn seconds(minutes: f64) -> TimeDelta {
    TimeDelta::seconds((minutes * 60.0) as i64)
}

/// A uniform draw in (0, 1) from SHA-256(coach ‖ template ‖ day ‖ n). Answers take n from 1 to 4.
pub fn uniform(coach: &str, template: &str, day: Day, n: u8) -> f64 {
    let hash = Sha256::digest(format!("{coach}{template}{day}{n}"));
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    // 53 bits are what a double holds; half a step keeps 0 and 1 out.
    ((u64::from_be_bytes(bytes) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// Φ⁻¹ by P. J. Acklam's rational approximation; its relative error is below 1.2e-9.
fn inverse_normal(p: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_9,
        -155.698_979_859_886_6,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
    ];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [0.007_784_695_709_041_462, 0.322_467_129_070_039_8, 2.445_134_137_142_996, 3.754_408_661_907_416];
    const LOW: f64 = 0.02425;
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / (polynomial(&D, q) * q + 1.0)
    };
    if p < LOW {
        tail(p)
    } else if p > 1.0 - LOW {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        polynomial(&A, r) * q / (polynomial(&B, r) * r + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::parse_day;
    use chrono_tz::Asia::Shanghai;

    #[test]
    fn the_inverse_of_the_normal_distribution_is_right_at_known_points() {
        for (p, x) in [
            (0.5, 0.0),
            (0.975, 1.959963985),
            (0.841344746, 1.0),
            (0.01, -2.326347874),
            (0.001, -3.090232306),
        ] {
            assert!((inverse_normal(p) - x).abs() < 1e-6, "{p}");
        }
    }

    #[test]
    fn draws_are_uniform_and_the_same_every_time() {
        let day = parse_day("2013-10-01").unwrap();
        let mean = (0..10_000).map(|n| uniform(&format!("c{n}"), "t", day, 1)).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert_eq!(uniform("c1", "t", day, 1), uniform("c1", "t", day, 1));
        assert_ne!(uniform("c1", "t", day, 1), uniform("c1", "t", day, 2));
    }

    #[test]
    fn nobody_answers_at_night() {
        let time = BusinessTime::new(Shanghai);
        let day = parse_day("2013-10-01").unwrap();
        let habits =
            Behaviour { accept_probability: 1.0, median_answer_minutes: 240.0, pass_test_probability: 1.0 };
        let evening = time.at(day, NaiveTime::from_hms_opt(20, 30, 0).unwrap());
        for n in 0..200 {
            let Answer::Yes { at, test_at, passes } =
                answer(time, habits, &format!("c{n}"), "t", day, evening)
            else {
                panic!()
            };
            for moment in [at, test_at] {
                assert!((7..23).contains(&chrono::Timelike::hour(&time.time(moment))), "{moment}");
            }
            assert!(
                passes && test_at >= at + TimeDelta::minutes(10)
                    || time.time(test_at) == NaiveTime::from_hms_opt(7, 0, 0).unwrap()
            );
        }
    }
}
