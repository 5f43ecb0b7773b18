//! How badly things go.

use rand::Rng;
use rand::rngs::StdRng;

use crate::device::Place;

/// What a run has to bear. Times are in milliseconds, chances from 0 to 1.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// How long a frame is under way.
    pub(crate) delay: (u64, u64),
    /// How long a device is connected on average before its link is cut; never, when absent.
    pub(crate) cut_after: Option<u64>,
    /// The chance that a frame comes twice.
    pub(crate) doubled: f64,
    /// The chance that the store takes seconds rather than milliseconds.
    pub(crate) slow_record: f64,
    /// The chance that the store fails.
    pub(crate) failed_record: f64,
    /// The chance that two devices' media never connects.
    pub(crate) failed_media: f64,
    /// The chance that media is interrupted during a talk.
    pub(crate) interrupted_media: f64,
    /// The chance that microphone or speaker cannot be opened.
    pub(crate) failed_voice: f64,
    /// The chance that a device's program dies at some time in the run.
    pub(crate) crash: f64,
    /// The chance that a device's program dies while it rings, and is soon started again.
    pub(crate) crash_ringing: f64,
    /// The chance that the service dies at some time in the run.
    pub(crate) restart: f64,
    /// How long one side may be heard by nobody, or hear nobody.
    pub(crate) alone_at_most: u64,
    /// Whether both sides are bound to learn the same of a call: nothing is lost for longer than anybody waits.
    pub(crate) gentle: bool,
    /// Whether no call may end for want of the network or the service.
    pub(crate) keeps_calls: bool,
    /// The device that understands no description of another's media, if there is one.
    pub(crate) foreign: Option<Place>,
    /// Whether users change their minds on whether a second call may wait.
    pub(crate) fickle: bool,
}

/// Nobody notices a cut later than this.
pub(crate) const CUT_NOTICED_WITHIN: u64 = 10_000;
/// Media that is gone is noticed within this.
pub(crate) const SILENCE_NOTICED_WITHIN: u64 = 6_000;

impl Weather {
    /// A local network: both sides learn everything within a tenth of a second.
    pub(crate) fn calm() -> Self {
        Self {
            delay: (1, 80),
            cut_after: None,
            doubled: 0.0,
            slow_record: 0.0,
            failed_record: 0.0,
            failed_media: 0.0,
            interrupted_media: 0.0,
            failed_voice: 0.02,
            crash: 0.0,
            crash_ringing: 0.0,
            restart: 0.0,
            // Media connects within half a second, and signals take up to two hops there and back.
            alone_at_most: 1_500,
            gentle: true,
            keeps_calls: false,
            foreign: None,
            fickle: false,
        }
    }

    /// A local network, and programs that die when they are called.
    fn restless() -> Self {
        Self { crash_ringing: 0.4, ..Self::calm() }
    }

    /// A local network, and a service with a busy store that dies or is restarted time and again.
    fn maintained() -> Self {
        Self {
            restart: 0.9,
            slow_record: 0.4,
            failed_voice: 0.0,
            keeps_calls: true,
            // Who signs out while the service is away for five seconds cannot say so, and the service waits for the device for thirty once it is back.
            alone_at_most: 5_000 + CUT_NOTICED_WITHIN + 30_000 + 4_000,
            gentle: false,
            ..Self::calm()
        }
    }

    /// A slow network on which frames come twice, and a store that has its moments.
    fn slow() -> Self {
        Self {
            delay: (50, 1_200),
            doubled: 0.05,
            slow_record: 0.1,
            failed_record: 0.05,
            // An offer, its answer and an end, two hops each.
            alone_at_most: 6_000,
            ..Self::calm()
        }
    }

    /// Links are cut, for moments or for minutes, and media fails.
    pub(crate) fn stormy() -> Self {
        Self {
            delay: (1, 400),
            cut_after: Some(15_000),
            doubled: 0.02,
            slow_record: 0.05,
            failed_record: 0.02,
            failed_media: 0.1,
            interrupted_media: 0.3,
            failed_voice: 0.02,
            crash: 0.0,
            crash_ringing: 0.0,
            restart: 0.0,
            // A device that has not heard of the answer gives up 30 s after it notices that its link is gone; the other notices that its media
            // is, and gives up 30 s after that when its own link is gone too.
            alone_at_most: CUT_NOTICED_WITHIN + 30_000 + SILENCE_NOTICED_WITHIN + 30_000 + 2_000,
            gentle: false,
            keeps_calls: false,
            foreign: None,
            fickle: false,
        }
    }

    /// The same, and programs die.
    fn wild() -> Self {
        Self { crash: 0.4, crash_ringing: 0.1, restart: 0.3, ..Self::stormy() }
    }

    pub(crate) fn of(seed: u64) -> Self {
        let weather = match seed % 6 {
            0 => Self::calm(),
            1 => Self::slow(),
            2 => Self::restless(),
            3 => Self::stormy(),
            4 => Self::maintained(),
            _ => Self::wild(),
        };
        let day = seed / 6;
        let foreign = (day % 8 == 5).then_some((day / 8 % 4) as Place);
        Self { foreign, fickle: day % 8 == 7, ..weather }
    }

    pub(crate) fn frame_delay(&self, rng: &mut StdRng) -> u64 {
        rng.random_range(self.delay.0..=self.delay.1)
    }

    /// How long the store takes.
    pub(crate) fn record_delay(&self, rng: &mut StdRng) -> u64 {
        if rng.random_bool(self.slow_record) { rng.random_range(500..=8_000) } else { rng.random_range(0..=30) }
    }

    /// How long a device stays without a network: mostly a moment, sometimes longer than anybody waits for it.
    pub(crate) fn outage(&self, rng: &mut StdRng) -> u64 {
        match rng.random_range(0..10) {
            0..=5 => rng.random_range(0..=2_000),
            6..=7 => rng.random_range(2_000..=20_000),
            8 => rng.random_range(20_000..=45_000),
            _ => rng.random_range(45_000..=90_000),
        }
    }
}
