//! `/api/v1/patients`: who the patients are.

use super::Rule;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {}

pub(super) const RULES: &[Rule] = &[];
