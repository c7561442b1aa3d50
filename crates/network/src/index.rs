//! Typed positions in the lists of a [`Network`](crate::Network).

macro_rules! indices {
    ($($(#[doc = $doc:literal])* $name:ident;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// The position `index`; whether it exists is checked by `Network::compile`.
            pub const fn new(index: u32) -> Self {
                $name(index)
            }

            /// The position as a slice index.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl From<usize> for $name {
            /// Saturates; no list of a network that compiles is that long.
            fn from(index: usize) -> Self {
                $name(u32::try_from(index).unwrap_or(u32::MAX))
            }
        }
    )*};
}

indices! {
    /// A position in `Network::activities`.
    ActivityIndex;
    /// A position in `Network::calendars`.
    CalendarIndex;
    /// A position in `Network::teams`.
    TeamIndex;
    /// A position in `Network::links`.
    LinkIndex;
    /// A position in `Network::groups`.
    GroupIndex;
    /// A position in `Network::risks`.
    RiskIndex;
}
