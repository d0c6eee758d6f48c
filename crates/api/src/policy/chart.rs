//! `/api/v1/patients/{id}/...`: what is true of a patient.

use super::Rule;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {}

pub(super) const RULES: &[Rule] = &[];
