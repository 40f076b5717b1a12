//! What must not be dropped says where it came from if it is: in debug builds only.

#[cfg(debug_assertions)]
use core::panic::Location;

/// Where a client called an operation. Says nothing in release builds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(#[cfg(debug_assertions)] Option<&'static Location<'static>>);

impl Place {
    /// Where the caller was called, if it and all between are marked with `track_caller`.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) const fn of_caller() -> Self {
        Self(
            #[cfg(debug_assertions)]
            Some(Location::caller()),
        )
    }

    /// Nowhere.
    #[inline]
    pub(crate) const fn unknown() -> Self {
        Self(
            #[cfg(debug_assertions)]
            None,
        )
    }

    /// Panics in debug builds: `what` was dropped that belongs to the operation here.
    #[inline]
    #[cfg_attr(not(debug_assertions), expect(clippy::unused_self, reason = "it is one of two"))]
    pub(crate) fn alarm(self, what: &str) {
        let _ = what;
        #[cfg(debug_assertions)]
        match self.0 {
            Some(place) => panic!("{what} at {place} were dropped"),
            None => panic!("{what} somewhere were dropped"),
        }
    }

    /// The other place, if this is nowhere.
    #[inline]
    #[cfg_attr(not(debug_assertions), expect(clippy::missing_const_for_fn, reason = "it is one of two"))]
    pub(crate) fn or(self, other: Self) -> Self {
        #[cfg(debug_assertions)]
        return Self(self.0.or(other.0));
        #[cfg(not(debug_assertions))]
        other
    }
}

/// Panics in debug builds if it is dropped while armed.
#[derive(Debug)]
pub(crate) struct Alarm {
    #[cfg(debug_assertions)]
    place: Option<Place>,
}

impl Alarm {
    /// One that stays silent.
    #[inline]
    pub(crate) const fn silent() -> Self {
        Self {
            #[cfg(debug_assertions)]
            place: None,
        }
    }

    /// One for what was made at `place`.
    #[inline]
    pub(crate) const fn armed(place: Place) -> Self {
        let _ = place;
        Self {
            #[cfg(debug_assertions)]
            place: Some(place),
        }
    }

    /// Will not panic any more. Returns the place.
    #[inline]
    pub(crate) fn silence(&mut self) -> Place {
        #[cfg(debug_assertions)]
        return self.place.take().unwrap_or(Place::unknown());
        #[cfg(not(debug_assertions))]
        Place::unknown()
    }
}

#[cfg(debug_assertions)]
impl Drop for Alarm {
    fn drop(&mut self) {
        match self.place {
            Some(Place(Some(place))) => panic!("what the operation at {place} left to be flushed was dropped"),
            Some(Place(None)) => panic!("what an operation left to be flushed was dropped"),
            None => {}
        }
    }
}
