use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::process::output_of;
use crate::run::{Rig, target_folder};

/// Scores recordings by PESQ-WB (ITU-T P.862.2) and eSTOI, in the Python environment that `cargo xtask test` prepares in `target/score-venv`.
#[derive(Debug)]
pub struct Scorer {
    python: PathBuf,
    script: PathBuf,
}

/// How close what was heard comes to what was said.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Score {
    /// How alike they sound: 1 (bad) to 4.64 (the same).
    pub pesq: f64,
    /// How intelligible it is: 0 to 1.
    pub estoi: f64,
    /// How much later it is in its recording, where enough of it was found again.
    pub delay_ms: Option<f64>,
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
        let score = self.scores(said, std::slice::from_ref(&heard.to_path_buf()))?;
        Ok(score.first().context("there is a score for each recording")?.pesq)
    }

    /// Scores several recordings of what was `said`, two at a time.
    pub fn scores(&self, said: &Path, heard: &[PathBuf]) -> Result<Vec<Score>> {
        if heard.is_empty() {
            return Ok(Vec::new());
        }
        let text = output_of(Command::new(&self.python).arg(&self.script).arg(said).args(heard))?;
        let scores: Vec<Score> =
            text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("the score {line:?}"))).collect::<Result<_>>()?;
        anyhow::ensure!(scores.len() == heard.len(), "{} recordings have {} scores", heard.len(), scores.len());
        Ok(scores)
    }
}

/// A person who reads aloud: one of the recordings in `assets/speech`, 48 kHz, by its name without the ending.
pub fn speech(name: &str) -> Result<PathBuf> {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/speech")).join(name).with_extension("wav");
    anyhow::ensure!(file.is_file(), "there is no recording {}", file.display());
    Ok(file)
}
