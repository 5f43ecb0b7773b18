use proptest::prelude::*;

use super::*;

const PACKET: usize = 960;

/// Packets of a voice-like tone with everything they can carry.
fn packets(count: usize) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new().unwrap();
    encoder.set_bits_per_second(64_000).unwrap();
    encoder.set_redundancy(true).unwrap();
    encoder.set_expected_loss(30).unwrap();
    encoder.set_deep_redundancy(50).unwrap();
    encoder.set_complexity(5).unwrap();
    let mut payload = [0; 1_500];
    (0..count)
        .map(|packet| {
            let sound: Vec<f32> = (0..PACKET).map(|index| tone(packet * PACKET + index)).collect();
            let bytes = encoder.encode(&sound, &mut payload).unwrap();
            payload[..bytes].to_vec()
        })
        .collect()
}

fn tone(sample: usize) -> f32 {
    let phase = sample as f32 / 384.0 * std::f32::consts::TAU;
    let loudness = 0.6 + 0.4 * (sample as f32 / 9_600.0).sin();
    loudness * (0.2 * phase.sin() + 0.1 * (3.0 * phase).sin() + 0.05 * (7.0 * phase).cos())
}

fn power(sound: &[f32]) -> f32 {
    sound.iter().map(|sample| sample * sample).sum::<f32>() / sound.len() as f32
}

fn decoder(complexity: u8) -> Decoder {
    let mut decoder = Decoder::new().unwrap();
    decoder.set_complexity(complexity).unwrap();
    decoder
}

#[test]
fn what_is_encoded_is_decoded() {
    let mut decoder = decoder(5);
    let mut sound = [0.0; PACKET];
    for payload in packets(20) {
        assert_eq!(packet::samples(&payload), Ok(PACKET));
        assert_eq!(decoder.decode(&payload, &mut sound), Ok(PACKET));
    }
    assert!(power(&sound) > 0.005);
}

#[test]
fn a_packet_describes_the_time_before_it() {
    let (packets, mut decoder, mut deep) = (packets(60), decoder(5), DeepRedundancy::new().unwrap());
    let mut sound = [0.0; PACKET];
    for payload in &packets[..52] {
        decoder.decode(payload, &mut sound).unwrap();
    }
    let heard = power(&sound);
    // Seven packets are lost, and the eighth tells of them.
    let reach = deep.read(&packets[59], 10 * PACKET).unwrap();
    assert!(reach >= 7 * PACKET, "{reach}");
    for lost in 0..7 {
        assert_eq!(decoder.recover_deep(&deep, (7 - lost) * PACKET, &mut sound), Ok(PACKET));
    }
    let recovered = power(&sound);
    assert!(recovered > heard / 8.0, "{recovered} of {heard}: a mere continuation would have faded");
}

#[test]
fn a_stripped_packet_sounds_the_same_and_describes_nothing() {
    let (mut one, mut other) = (decoder(5), decoder(5));
    let (mut whole, mut stripped) = ([0.0; PACKET], [0.0; PACKET]);
    for payload in packets(60) {
        let mut short = payload.clone();
        let length = packet::strip(&mut short).unwrap();
        one.decode(&payload, &mut whole).unwrap();
        other.decode(&short[..length], &mut stripped).unwrap();
        assert_eq!(whole, stripped);
        assert_eq!(DeepRedundancy::new().unwrap().read(&short[..length], PACKET), Ok(0));
    }
    let payload = &packets(60)[59];
    assert!(packet::strip(&mut payload.clone()).unwrap() < payload.len());
}

#[test]
fn a_packet_without_deep_redundancy_says_so() {
    let mut encoder = Encoder::new().unwrap();
    let mut payload = [0; 400];
    let bytes = encoder.encode(&[0.1; PACKET], &mut payload).unwrap();
    assert_eq!(DeepRedundancy::new().unwrap().read(&payload[..bytes], PACKET), Ok(0));
}

#[test]
fn nothing_is_recovered_from_what_was_never_read() {
    let mut sound = [0.0; PACKET];
    assert_eq!(decoder(5).recover_deep(&DeepRedundancy::new().unwrap(), PACKET, &mut sound), Ok(PACKET));
    assert_eq!(power(&sound), 0.0);
}

#[test]
fn what_opus_does_not_take_is_an_error() {
    let mut encoder = Encoder::new().unwrap();
    assert_eq!(encoder.set_expected_loss(101), Err(Error::Argument));
    assert_eq!(encoder.set_deep_redundancy(105), Err(Error::Argument));
    assert_eq!(encoder.set_complexity(11), Err(Error::Argument));
    assert_eq!(encoder.encode(&[0.0; 7], &mut [0; 100]), Err(Error::Argument));
    assert_eq!(encoder.encode(&[], &mut [0; 100]), Err(Error::Argument));
    assert!(encoder.encode(&[0.0; PACKET], &mut []).is_err());
    let mut decoder = decoder(5);
    assert_eq!(decoder.decode(&[], &mut [0.0; PACKET]), Err(Error::Payload));
    assert_eq!(decoder.recover(&[], &mut [0.0; PACKET]), Err(Error::Payload));
    assert_eq!(decoder.conceal(&mut []), Err(Error::Argument));
    assert_eq!(decoder.conceal(&mut [0.0; 7]), Err(Error::Argument));
    for samples in [0, MAX_PACKET_SAMPLES + 120] {
        let mut sound = vec![0.0; samples];
        assert_eq!(decoder.recover_deep(&DeepRedundancy::new().unwrap(), 0, &mut sound), Err(Error::Argument));
    }
    assert_eq!(decoder.decode(&packets(1)[0], &mut [0.0; 100]), Err(Error::Room));
    assert_eq!(packet::samples(&[]), Err(Error::Payload));
    assert_eq!(packet::strip(&mut []), Err(Error::Payload));
}

/// Does everything that can be done with a payload and looks that what comes out fits.
fn use_all_of(payload: &[u8], decoder: &mut Decoder, deep: &mut DeepRedundancy, sound: &mut [f32]) {
    let most = sound.len();
    if let Ok(samples) = packet::samples(payload) {
        assert!(samples <= MAX_PACKET_SAMPLES);
    }
    for answer in [decoder.decode(payload, sound), decoder.recover(payload, sound)] {
        assert!(answer.is_err() || answer.is_ok_and(|samples| samples <= most));
    }
    let mut stripped = payload.to_vec();
    if let Ok(length) = packet::strip(&mut stripped) {
        assert!(length <= payload.len());
        assert_eq!(packet::samples(&stripped[..length]), packet::samples(payload));
    }
    let reach = deep.read(payload, 48_000);
    assert!(reach.is_err() || reach.is_ok_and(|samples| samples <= 48_000), "{reach:?}");
    for before in [0, 480, 960, 9_600, 96_000] {
        assert_eq!(decoder.recover_deep(deep, before, &mut sound[..960]), Ok(960));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invented_payloads_do_no_harm(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..8)) {
        let (mut decoder, mut deep, mut sound) = (decoder(5), DeepRedundancy::new().unwrap(), vec![0.0; MAX_PACKET_SAMPLES]);
        for payload in &payloads {
            use_all_of(payload, &mut decoder, &mut deep, &mut sound);
        }
    }

    #[test]
    fn damaged_and_truncated_payloads_do_no_harm(
        damage in proptest::collection::vec((0_usize..30, any::<prop::sample::Index>(), any::<u8>(), any::<prop::sample::Index>()), 1..8),
    ) {
        let packets = packets(30);
        let (mut decoder, mut deep, mut sound) = (decoder(5), DeepRedundancy::new().unwrap(), vec![0.0; MAX_PACKET_SAMPLES]);
        for (packet, at, with, cut) in damage {
            let mut payload = packets[packet].clone();
            let at = at.index(payload.len());
            payload[at] ^= with;
            use_all_of(&payload, &mut decoder, &mut deep, &mut sound);
            payload.truncate(cut.index(payload.len()));
            use_all_of(&payload, &mut decoder, &mut deep, &mut sound);
        }
    }
}
