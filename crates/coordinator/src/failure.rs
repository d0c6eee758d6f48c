//! What an answer of PostgreSQL proves, step by step.

use std::fmt;

/// The five characters of a SQLSTATE.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// The SQLSTATE with this text; `None` where it is not five characters of `[0-9A-Z]`.
    pub fn parse(text: &str) -> Option<SqlState> {
        let bytes: [u8; 5] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()).then_some(SqlState(bytes))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }

    fn class(self) -> [u8; 2] {
        [self.0[0], self.0[1]]
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlState({self})")
    }
}

/// Why a command did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The server answered with an error.
    Refused(SqlState),
    /// No answer: the socket failed, the time ran out, or the reply could not be read.
    Lost,
    /// An insert that must report one row reported another number. Only a defect does that.
    WrongCount,
}

/// What a failed COMMIT of the decider proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFailure {
    /// It can never have committed.
    DefiniteAbort,
    /// It may have: only the fence can say.
    Unknown,
}

/// What a failed COMMIT PREPARED or ROLLBACK PREPARED asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishFailure {
    /// No such prepared transaction: somebody finished it, or it never was. `txn.applied` says which.
    Gone,
    /// Somebody else is finishing it at this moment, or the socket failed: try again.
    Retry,
    /// It can never succeed here: a person must look.
    Impossible,
}

impl Failure {
    /// PAIRED F7. A list of what is safe and not of what is dangerous: an error raised before the commit
    /// record could be written (integrity, serialization, deadlock, a transaction that had failed before)
    /// proves the abort. Whatever else comes back, also "terminating connection", can follow a commit record
    /// that is already on disk.
    pub fn of_commit(self) -> CommitFailure {
        match self {
            Failure::Refused(state) => match (&state.class(), state.as_str()) {
                (b"23", _) | (_, "40001" | "40P01" | "25P02") => CommitFailure::DefiniteAbort,
                _ => CommitFailure::Unknown,
            },
            Failure::Lost | Failure::WrongCount => CommitFailure::Unknown,
        }
    }

    /// PAIRED 2.5. Whether a PREPARE may have succeeded all the same: only where no answer, or the end of the
    /// session, came back. Any other error left the transaction rolled back.
    pub fn may_have_prepared(self) -> bool {
        match self {
            Failure::Refused(state) => {
                matches!(&state.class(), b"08" | b"57" | b"53" | b"58" | b"XX")
                    && !matches!(state.as_str(), "53200" | "57014")
            }
            Failure::Lost | Failure::WrongCount => true,
        }
    }

    /// PAIRED 2.5, for COMMIT PREPARED and ROLLBACK PREPARED.
    pub fn of_finish(self) -> FinishFailure {
        match self {
            Failure::Refused(state) => match state.as_str() {
                "42704" => FinishFailure::Gone,
                "42501" | "0A000" | "42601" | "22023" => FinishFailure::Impossible,
                _ => FinishFailure::Retry,
            },
            Failure::Lost | Failure::WrongCount => FinishFailure::Retry,
        }
    }

    /// Whether the same operation may succeed when it is run again from its beginning, under a new
    /// transaction id: serialization failure, deadlock, lock timeout.
    pub fn is_conflict(self) -> bool {
        matches!(self, Failure::Refused(state) if matches!(state.as_str(), "40001" | "40P01" | "55P03"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(state: &str) -> Failure {
        Failure::Refused(SqlState::parse(state).unwrap())
    }

    #[test]
    fn a_sqlstate_is_five_capitals_or_digits() {
        assert_eq!(SqlState::parse("55P03").unwrap().to_string(), "55P03");
        for wrong in ["", "55P0", "55P033", "55p03", "55P0\u{e9}"] {
            assert_eq!(SqlState::parse(wrong), None);
        }
    }

    #[test]
    fn only_an_error_raised_before_the_commit_record_proves_the_abort() {
        for definite in ["23505", "23503", "23514", "40001", "40P01", "25P02"] {
            assert_eq!(refused(definite).of_commit(), CommitFailure::DefiniteAbort, "{definite}");
        }
        for unknown in
            ["08006", "53100", "53200", "57014", "57P01", "57P02", "XX000", "55P03", "40003", "58030"]
        {
            assert_eq!(refused(unknown).of_commit(), CommitFailure::Unknown, "{unknown}");
        }
        assert_eq!(Failure::Lost.of_commit(), CommitFailure::Unknown);
        assert_eq!(Failure::WrongCount.of_commit(), CommitFailure::Unknown);
    }

    #[test]
    fn a_refused_prepare_left_nothing_and_a_lost_one_may_have() {
        for nothing in ["53200", "55000", "42710", "0A000", "23505", "25P02", "57014"] {
            assert!(!refused(nothing).may_have_prepared(), "{nothing}");
        }
        for perhaps in ["57P01", "57P02", "08006", "XX000", "53100"] {
            assert!(refused(perhaps).may_have_prepared(), "{perhaps}");
        }
        assert!(Failure::Lost.may_have_prepared());
    }

    #[test]
    fn each_row_of_the_table_has_its_own_consequence() {
        assert_eq!(refused("42704").of_finish(), FinishFailure::Gone);
        assert_eq!(refused("42501").of_finish(), FinishFailure::Impossible);
        assert_eq!(refused("0A000").of_finish(), FinishFailure::Impossible);
        for retry in ["55000", "57P01", "08006", "57P03", "53300"] {
            assert_eq!(refused(retry).of_finish(), FinishFailure::Retry, "{retry}");
        }
        assert_eq!(Failure::Lost.of_finish(), FinishFailure::Retry);
    }

    #[test]
    fn an_operation_is_repeated_after_a_conflict_only() {
        for conflict in ["40001", "40P01", "55P03"] {
            assert!(refused(conflict).is_conflict());
        }
        assert!(!refused("23505").is_conflict() && !Failure::Lost.is_conflict());
    }
}
