//! The prose of the document.

/// What stands at its head.
pub(super) const ABOUT: &str = "\
Salus is one HTTP server over three isolated PostgreSQL databases: `auth` (who may come in), `phi` (who the patient \
is) and `clinical` (what is true of the patient).

**Two doors.** `/fhir/R4` speaks FHIR R4; `/api/v1` is a plain REST API. A record that goes in at one is found at the \
other at once.

**Logging in.** `POST /api/v1/auth/login` gives an access token of ten minutes; send it as `Authorization: Bearer`. \
Each operation says which permissions it needs (`x-permissions`); `GET /api/v1/auth/me` says which ones one has.

**Refusals** are an OperationOutcome under `/fhir/R4` and problem+json (RFC 9457) elsewhere. Every answer carries \
`X-Request-Id`, by which the server's log and the audit trail know the request. An `X-Request-Id` that the client \
sends (up to 64 letters, digits, hyphens, underscores and dots) comes back as `X-Correlation-Id`.

**Times** are instants in UTC (RFC 3339); FHIR's own dates keep the precision and the offset that they came with.

**Limits.** Each user and each address may send so many requests a minute; `RateLimit-*` of each answer says how many \
are left, and 429 with `Retry-After` when to come back.

**HEAD** goes wherever GET goes.";

/// How to get a token.
pub(super) const SECURITY: &str = "\
The `access_token` that `POST /api/v1/auth/login` gives. Good for ten minutes; signed with Ed25519.";
