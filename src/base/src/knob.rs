//! Knobs: numeric limits as fields of a value that each instance is given, with their extreme test
//! values on the line of the default, so that the simulator can draw degenerate ones.
//!
//! There are no global knobs: two members in one process may differ.

/// Declares a struct of numeric limits.
///
/// `knobs! { pub struct Knobs { /// doc
///     append_entries_max: usize = 256, test 1..=3; } }`
/// gives `Knobs::default()` with the defaults and `Knobs::drawn(&mut Prng)`, in which each field
/// is, with probability one quarter, a value of its test range.
#[macro_export]
macro_rules! knobs {
    ($(#[$outer:meta])* pub struct $name:ident {
        $(
            $(#[$doc:meta])*
            $field:ident: $int:ty = $default:expr, test $low:literal..=$high:literal;
        )*
    }) => {
        $(#[$outer])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$doc])* pub $field: $int,)*
        }

        impl Default for $name {
            fn default() -> $name {
                $name { $($field: $default,)* }
            }
        }

        impl $name {
            /// Draws each knob: mostly its default, sometimes a degenerate test value.
            pub fn drawn(prng: &mut $crate::Prng) -> $name {
                $name {
                    $($field: if prng.chance(0.25) {
                        prng.between($low, $high) as $int
                    } else {
                        $default
                    },)*
                }
            }

            /// Names and values, for logs and for a plan that is written down.
            pub fn entries(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field as u64)),*].into_iter()
            }

            /// Sets a knob by name; false when there is no such knob.
            pub fn set(&mut self, name: &str, value: u64) -> bool {
                match name {
                    $(stringify!($field) => { self.$field = value as $int; true })*
                    _ => false,
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::Prng;

    knobs! {
        /// Limits of the test.
        pub struct Limits {
            /// Entries in one batch.
            batch_entries_max: usize = 256, test 1..=3;
        }
    }

    #[test]
    fn a_knob_is_its_default_or_a_test_value() {
        let mut prng = Prng::new(7);
        let mut extremes = 0;
        for _ in 0..100 {
            let limits = Limits::drawn(&mut prng);
            match limits.batch_entries_max {
                256 => {}
                1..=3 => extremes += 1,
                other => panic!("{other} is neither the default nor in the test range"),
            }
        }
        assert!((10..50).contains(&extremes), "{extremes} extremes in 100 draws");
        let mut limits = Limits::default();
        assert!(limits.set("batch_entries_max", 5) && !limits.set("unknown", 1));
        assert!(limits.entries().eq([("batch_entries_max", 5)]));
    }
}
