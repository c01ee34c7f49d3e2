//! Random requests, flushes under way, cleanings and crashes: every answer, and after each stage
//! everything that can be read, equals the twin's.

use base::Prng;

use crate::Knobs;
use crate::testing::generator::Generator;
use crate::testing::member::{Member, compare_view};
use crate::testing::requests::range_response;

/// Random reads through a view against the twin.
fn read(member: &mut Member, generator: &mut Generator) {
    let view = member.store.view();
    for _ in 0..6 {
        let twin = member.twin();
        let request = generator.range(twin.revision);
        let answer = view.range(&request).map(range_response);
        let expected = twin.range(&request).map_err(crate::ReadError::from);
        assert_eq!(answer, expected, "{request:?}");
        let answer = member.store.range(&request).map(range_response);
        assert_eq!(answer, member.twin().range(&request), "{request:?}");
    }
}

fn run(seed: u64) -> (u64, u64) {
    let knobs = Knobs::drawn(&mut Prng::new(seed));
    let mut member = Member::new(knobs);
    let mut generator = Generator::new(seed);
    let (mut cleaned, mut crashed) = (0, 0);
    let mut kept = None;
    for _ in 0..120 {
        match generator.prng.below(26) {
            0 => member.flush().expect("nothing fails"),
            1 if member.cut.is_none() => member.take_cut(),
            1 => member.write_cut().expect("nothing fails"),
            8 => member.tell_flushed(),
            2 => {
                while member.store.compact_slice(1 + generator.prng.below(3) as usize) {}
                if generator.prng.chance(0.5) {
                    member.flush().expect("nothing fails");
                }
                cleaned += u64::from(member.clean().expect("nothing fails"));
            }
            3 => {
                member.store.compact_slice(1 + generator.prng.below(3) as usize);
            }
            4 if generator.prng.chance(0.3) => {
                member.crash(generator.prng.below(3) as usize);
                crashed += 1;
            }
            5 => read(&mut member, &mut generator),
            6 => member.compare(),
            7 => kept = Some((member.store.view(), member.twin().clone())),
            _ => {
                let (revision, compacted) = (member.twin().revision, member.twin().compacted);
                member.append(generator.request(revision, compacted));
            }
        }
    }
    member.compare();
    if let Some((view, twin)) = kept {
        compare_view(&view, &twin);
    }
    (cleaned, crashed)
}

#[test]
fn the_store_answers_as_its_twin() {
    let (mut cleaned, mut crashed) = (0, 0);
    for seed in 0..250 {
        let (more_cleaned, more_crashed) = run(seed);
        cleaned += more_cleaned;
        crashed += more_crashed;
    }
    assert!(cleaned > 20, "only {cleaned} cleanings happened");
    assert!(crashed > 100, "only {crashed} crashes happened");
}
