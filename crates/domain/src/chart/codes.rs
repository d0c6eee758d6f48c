//! Sets of codes as enums.

/// Makes an enum of codes: what each is called in JSON, all of them, and the way back.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal,)+ }) => {
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        $(#[$doc])*
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $code)] $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The code.
            pub const fn code(self) -> &'static str {
                match self {
                    $($name::$variant => $code,)+
                }
            }

            /// The one with this code.
            pub fn from_code(code: &str) -> Option<$name> {
                Self::ALL.iter().copied().find(|it| it.code() == code)
            }
        }
    };
}

/// Gives a state machine its transition: consumes the state, gives the next. A state may always stay what it is.
macro_rules! machine {
    ($name:ident, $noun:literal, $(| $from:ident => [$($to:ident),*])+) => {
        impl $name {
            /// The next state.
            ///
            /// # Errors
            /// Where no way leads from this state to that.
            pub fn become_(self, next: $name) -> Result<$name, $crate::chart::IllegalTransition> {
                let ways: &[$name] = match self {
                    $($name::$from => &[$($name::$to),*],)+
                };
                if self == next || ways.contains(&next) {
                    Ok(next)
                } else {
                    Err($crate::chart::IllegalTransition { noun: $noun, from: self.code(), to: next.code() })
                }
            }
        }
    };
}

pub(super) use {codes, machine};

/// Every legal change of a machine, written as a table would be: what the tests compare with.
#[cfg(test)]
pub(super) fn table<T: Copy>(
    all: &[T],
    code: impl Fn(T) -> &'static str,
    legal: impl Fn(T, T) -> bool,
) -> Vec<String> {
    all.iter()
        .map(|from| {
            let to: Vec<_> = all.iter().filter(|to| legal(*from, **to)).map(|to| code(*to)).collect();
            format!("{} -> {}", code(*from), to.join(" "))
        })
        .collect()
}
