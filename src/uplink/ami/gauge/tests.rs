use proptest::prelude::*;

use super::*;

/// A line, and a main that takes its time before it answers.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// Bytes a second.
    speed: f64,
    /// Of a quiet line, in seconds.
    round: f64,
    /// In seconds.
    main: f64,
}

impl Line {
    fn answers(self, window: usize, bytes: usize) -> Timing {
        let (window, bytes_) = (window as f64, bytes as f64);
        let speed = self.speed.min(window / self.round);
        let took = Duration::from_secs_f64(self.main + bytes_ / speed);
        Timing { bytes, took, pong: Some(Duration::from_secs_f64(self.round)) }
    }

    /// How long a probe waits behind what is on its way.
    fn delay(self, window: usize) -> f64 {
        (window as f64 / self.speed - self.round).max(0.0)
    }

    fn reads(self, gauge: &mut Gauge, bytes: usize) -> f64 {
        let (mut left, mut worst) = (bytes, 0.0_f64);
        while left > 0 {
            let (window, piece) = (gauge.window(), gauge.piece().min(left));
            worst = worst.max(self.delay(window));
            left -= piece;
            gauge.answered(window, self.answers(window, piece));
        }
        worst
    }
}

const SLOW: Line = Line { speed: 32_000.0, round: 0.02, main: 0.35 };
const LAN: Line = Line { speed: 100e6, round: 0.000_3, main: 0.35 };

#[test]
fn on_a_slow_line_a_probe_waits_for_a_fraction_of_a_second() {
    let mut gauge = Gauge::default();
    assert!(SLOW.reads(&mut gauge, 22 << 20) < 0.3);
    assert_eq!(gauge.window(), 4 << 10);
    // Nor does it before anything is known, where an answer has to come whole.
    assert!(SLOW.delay(Gauge::default().whole_window()) < 0.6);
    assert!(SLOW.delay(gauge.whole_window()) < 0.3);
}

#[test]
fn on_a_quick_line_pieces_become_large() {
    let mut gauge = Gauge::default();
    LAN.reads(&mut gauge, 22 << 20);
    assert!(gauge.piece() >= 4 << 20, "{gauge:?}");
}

#[test]
fn a_long_way_is_not_taken_for_a_slow_line() {
    let mut gauge = Gauge::default();
    Line { speed: 5e6, round: 0.15, main: 0.1 }.reads(&mut gauge, 22 << 20);
    assert!(gauge.window() >= 64 << 10, "{gauge:?}");
}

#[test]
fn a_line_that_becomes_slow_is_asked_for_less_and_not_for_more_soon() {
    let mut gauge = Gauge::default();
    LAN.reads(&mut gauge, 8 << 20);
    let before = gauge.window();
    SLOW.reads(&mut gauge, 64 << 20);
    assert!(gauge.window() <= 4 << 10 && before > gauge.window(), "{gauge:?}");
    let mut hurt = Gauge::default();
    hurt.slower();
    assert_eq!((hurt.window(), hurt.piece()), (2 << 10, 32 << 10));
    let answer = LAN.answers(hurt.window(), 1 << 20);
    for _ in 0..BEFORE_AGAIN {
        hurt.answered(hurt.window(), answer);
        assert_eq!(hurt.window(), 2 << 10);
    }
    hurt.answered(hurt.window(), answer);
    assert_eq!(hurt.window(), 4 << 10);
}

#[test]
fn where_the_main_loses_lines_pieces_shrink_and_whole_answers_get_room_within_bounds() {
    let mut gauge = Gauge::default();
    let piece = gauge.piece();
    gauge.lost_piece();
    assert_eq!(gauge.piece(), piece / 2);
    for _ in 0..20 {
        gauge.lost_piece();
    }
    assert!(gauge.piece() >= 4 << 10);

    let mut gauge = Gauge::default();
    SLOW.reads(&mut gauge, 1 << 20);
    for _ in 0..20 {
        gauge.lost_whole();
    }
    // Beyond a second on its way, the probes would notice.
    assert!(gauge.whole_window() <= 32_000 && SLOW.delay(gauge.whole_window()) <= 1.0);
    let mut quick = Gauge::default();
    LAN.reads(&mut quick, 22 << 20);
    quick.lost_whole();
    assert!(quick.whole_window() >= 1 << 20, "{quick:?}");
}

proptest! {
    /// Whatever the line is: once it is known, no probe waits longer behind a piece than a hurried one is given.
    #[test]
    fn what_is_on_its_way_is_bounded(speed in 8e3..1e8_f64, round in 0.0002..0.3_f64, main in 0.0..1.0_f64) {
        let line = Line { speed, round, main };
        let mut gauge = Gauge::default();
        let worst = line.reads(&mut gauge, 32 << 20);
        prop_assert!(worst <= 1.4, "{worst} {gauge:?}");
        // Once in a while a wider window is tried for one piece.
        let (now, piece) = (line.delay(gauge.window()), gauge.piece());
        line.reads(&mut gauge, piece);
        let then = line.delay(gauge.window());
        prop_assert!(now.min(then) <= 0.7, "{now} {then} {gauge:?}");
    }
}
