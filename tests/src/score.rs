use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::process::output_of;
use crate::run::{Rig, target_folder};

/// Scores recordings by PESQ-WB (ITU-T P.862.2), in the Python environment that `cargo xtask test` prepares in `target/score-venv`.
#[derive(Debug)]
pub struct Scorer {
    python: PathBuf,
    script: PathBuf,
}

#[derive(Deserialize)]
struct Score {
    pesq: f64,
}

impl Scorer {
    /// The scorer, if its environment has been prepared.
    pub fn new(rig: &Rig) -> Result<Self> {
        let python = target_folder()?.join("score-venv/bin/python");
        anyhow::ensure!(python.exists(), "{} is missing: `cargo xtask test` and `cargo xtask bench` prepare it", python.display());
        let script = rig.folder().join("score.py");
        std::fs::write(&script, include_str!("score.py")).context("writing the scoring script")?;
        Ok(Self { python, script })
    }

    /// How close `heard` comes to `said`: 1 (bad) to 4.64 (the same).
    pub fn pesq(&self, said: &Path, heard: &Path) -> Result<f64> {
        let text = output_of(Command::new(&self.python).arg(&self.script).arg(said).arg(heard))?;
        let score: Score = serde_json::from_str(&text).with_context(|| format!("the score {text:?}"))?;
        Ok(score.pesq)
    }
}

/// Spoken sentences with pauses between them, 48 kHz, about `seconds` long: made once, by the speech synthesiser that test machines have.
pub fn speech(rig: &Rig, voice: &str, seconds: u32) -> Result<PathBuf> {
    const TEXT: &str = "The courier has your parcel and stands in front of the house. Which floor is it, and is there a lift? \
        Please bring a pen, because I need a signature. It weighs about nine kilograms. \
        The dog next door is friendly, but he barks at everybody. I shall wait by the blue gate until a quarter past four. ";
    let (spoken, file) = (rig.folder().join(format!("spoken-{voice}.wav")), rig.folder().join(format!("speech-{voice}-{seconds}.wav")));
    if !file.exists() {
        output_of(Command::new("espeak-ng").args(["-v", voice, "-s", "150", "-w"]).arg(&spoken).arg(TEXT.repeat(3)))?;
        let mut command = Command::new("sox");
        command.args(["-V1", "-G"]).arg(&spoken).args(["-r", "48000", "-c", "1", "-b", "16"]).arg(&file);
        output_of(command.args(["gain", "-n", "-6", "trim", "0", &seconds.to_string()]))?;
    }
    Ok(file)
}
