//! `/api/v1/users`, `/api/v1/organizations`: who may come in.

use super::Rule;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {}

pub(super) const RULES: &[Rule] = &[];
