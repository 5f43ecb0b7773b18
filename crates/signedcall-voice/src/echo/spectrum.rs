//! What frequencies two frames are made of.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::frame::FRAME_SAMPLES;

/// Samples that are transformed at a time: two frames.
pub(super) const WINDOW: usize = 2 * FRAME_SAMPLES;

/// Frequencies in a window, 50 Hz apart.
pub(super) const BINS: usize = WINDOW / 2 + 1;

/// Something about each frequency.
pub(super) type Bins = [f32; BINS];

/// A window's frequencies. Real and imaginary parts are apart, so that the processor takes several at a time.
#[derive(Clone, Debug)]
pub(super) struct Spectrum {
    pub(super) real: Bins,
    pub(super) imaginary: Bins,
}

impl Spectrum {
    /// The spectrum of silence.
    pub(super) const SILENT: Self = Self { real: [0.0; BINS], imaginary: [0.0; BINS] };

    /// The power at each frequency.
    pub(super) fn power(&self) -> Bins {
        let mut power = [0.0; BINS];
        for ((power, real), imaginary) in power.iter_mut().zip(&self.real).zip(&self.imaginary) {
            *power = real * real + imaginary * imaginary;
        }
        power
    }
}

/// Transforms windows to frequencies and back.
pub(super) struct Fourier {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    bins: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Fourier {
    pub(super) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(WINDOW), planner.plan_fft_inverse(WINDOW));
        let scratch = vec![Complex::default(); forward.get_scratch_len().max(inverse.get_scratch_len())];
        Self { forward, inverse, bins: vec![Complex::default(); BINS], scratch }
    }

    /// The frequencies of a window, which is used up.
    pub(super) fn frequencies(&mut self, window: &mut [f32; WINDOW], spectrum: &mut Spectrum) {
        self.forward.process_with_scratch(window, &mut self.bins, &mut self.scratch).expect("buffers that fit");
        for ((bin, real), imaginary) in self.bins.iter().zip(&mut spectrum.real).zip(&mut spectrum.imaginary) {
            (*real, *imaginary) = (bin.re, bin.im);
        }
    }

    /// The window that has these frequencies.
    pub(super) fn window(&mut self, spectrum: &Spectrum) -> [f32; WINDOW] {
        for ((bin, real), imaginary) in self.bins.iter_mut().zip(&spectrum.real).zip(&spectrum.imaginary) {
            *bin = Complex::new(*real, *imaginary);
        }
        // Neither of these can have a phase.
        self.bins[0].im = 0.0;
        self.bins[BINS - 1].im = 0.0;
        let mut window = [0.0; WINDOW];
        self.inverse.process_with_scratch(&mut self.bins, &mut window, &mut self.scratch).expect("buffers that fit");
        window.map(|sample| sample / WINDOW as f32)
    }
}
