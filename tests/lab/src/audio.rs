//! Tones, and whether a recording holds one. Each phone speaks in a tone of its own, so that hearing the right one
//! proves that audio came from that phone: packets that were counted could hold silence, or be one's own.

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::error::{Context, Error, Result};

/// What G.711 runs at, and the only rate at which baresip's aufile module reads for it.
const RATE: u32 = 8000;
/// Longer than any call of a test: whoever speaks from a file is silent at its end.
pub const LONG: Duration = Duration::from_secs(120);
/// Bytes before the samples of a WAV file.
const HEADER: usize = 44;
const AMPLITUDE: f64 = 8000.0;
/// How much of a recording's power must be in the tone: G.711 and a lost packet leave far more.
const SHARE: f64 = 0.5;

/// The tone of a user, in Hz: apart for any two of the lab's users, and inside a telephone's band. Whoever has no number,
/// such as `carrier`, has the lowest.
pub fn tone_of(user: &str) -> u32 {
    // 1001 is 425, 1002 is 550, 2001 is 475.
    let number: u32 = user.parse().unwrap_or(0);
    250 + (number % 10) * 125 + (number / 1000) * 50
}

/// Writes a WAV file that holds that tone for that time.
pub fn write_tone(path: &Path, hertz: u32, time: Duration) -> Result {
    let samples = u32::try_from(time.as_millis() * u128::from(RATE) / 1000).context("counting samples")?;
    let data_bytes = samples * 2;
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + data_bytes).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16u32.to_le_bytes());
    // PCM, one channel.
    wav.extend_from_slice(&[1, 0, 1, 0]);
    wav.extend_from_slice(&RATE.to_le_bytes());
    wav.extend_from_slice(&(RATE * 2).to_le_bytes());
    // Bytes and bits of a sample.
    wav.extend_from_slice(&[2, 0, 16, 0]);
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&data_bytes.to_le_bytes());
    for index in 0..samples {
        let value = AMPLITUDE * (TAU * f64::from(hertz) * f64::from(index) / f64::from(RATE)).sin();
        #[expect(clippy::cast_possible_truncation, reason = "the amplitude keeps it within 16 bits")]
        wav.extend_from_slice(&(value as i16).to_le_bytes());
    }
    fs::write(path, wav).context(format!("writing {}", path.display()))
}

/// How long a WAV file of one 16-bit channel is.
pub fn length(path: &Path) -> Result<Duration> {
    let bytes = fs::metadata(path).context(format!("reading {}", path.display()))?.len();
    Ok(Duration::from_millis(bytes.saturating_sub(HEADER as u64) * 1000 / u64::from(RATE * 2)))
}

/// Whether a WAV file of one 16-bit channel ends with a second of that tone; an error says what it ends with.
pub fn hears(path: &Path, hertz: u32) -> Result {
    let bytes = fs::read(path).context(format!("reading {}", path.display()))?;
    let samples: Vec<f64> = bytes
        .get(HEADER..)
        .unwrap_or_default()
        .chunks_exact(2)
        .filter_map(|pair| Some(f64::from(i16::from_le_bytes(pair.try_into().ok()?))))
        .collect();
    let second = RATE as usize;
    let last = samples.len().checked_sub(second).and_then(|start| samples.get(start..));
    let last = last.context(format!("{} holds only {} samples", path.display(), samples.len()))?;
    let share = share_of(last, hertz);
    if share > SHARE {
        return Ok(());
    }
    Err(Error::new(format!("{}: {hertz} Hz has {:.0} % of the power", path.display(), share * 100.0)))
}

/// The share of the power of `samples` that is at `hertz` (Goertzel's sum).
fn share_of(samples: &[f64], hertz: u32) -> f64 {
    let step = TAU * f64::from(hertz) / f64::from(RATE);
    let (mut cosine, mut sine, mut power, mut angle) = (0.0, 0.0, 0.0, 0.0f64);
    for sample in samples {
        cosine += sample * angle.cos();
        sine += sample * angle.sin();
        power += sample * sample;
        angle += step;
    }
    if power == 0.0 {
        return 0.0;
    }
    let count = f64::from(RATE);
    2.0 * (cosine * cosine + sine * sine) / count / power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_heard_and_another_is_not() {
        let path = std::env::temp_dir().join(format!("synch-lab-tone-{}.wav", std::process::id()));
        write_tone(&path, 425, Duration::from_secs(2)).unwrap();
        assert_eq!(length(&path).unwrap(), Duration::from_secs(2));
        assert!(hears(&path, 425).is_ok());
        assert!(hears(&path, 550).is_err());
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn users_have_tones_of_their_own() {
        let mut tones = ["1001", "1002", "1003", "2001", "2002", "carrier"].map(tone_of);
        tones.sort_unstable();
        assert!(tones.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
