//! What a path names.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::{StatusCode, request};
use domain::store::Key;
use fhir::ResourceType;
use fhir::outcome::IssueType;
use fhir::reference::is_id;

use crate::failure::Failure;

/// `{type}`: a resource type that can be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypePath(pub(crate) ResourceType);

/// `{type}/{id}`.
#[derive(Clone, Debug)]
pub(crate) struct InstancePath(pub(crate) Key);

/// `{type}/{id}/_history/{version}`.
#[derive(Clone, Debug)]
pub(crate) struct VersionPath(pub(crate) Key, pub(crate) i32);

impl<S: Send + Sync> FromRequestParts<S> for TypePath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<TypePath, Failure> {
        let parameters = parameters(parts, state).await?;
        named(&parameters, "type").and_then(resource_type).map(TypePath)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for InstancePath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<InstancePath, Failure> {
        let parameters = parameters(parts, state).await?;
        key(&parameters).map(InstancePath)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for VersionPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<VersionPath, Failure> {
        let parameters = parameters(parts, state).await?;
        let version = named(&parameters, "version")?;
        let plain = !version.starts_with('0') && version.bytes().all(|byte| byte.is_ascii_digit());
        let version = version.parse().ok().filter(|_| plain);
        let version = version.ok_or_else(|| Failure::invalid("a version is a whole number from 1"))?;
        Ok(VersionPath(key(&parameters)?, version))
    }
}

async fn parameters<S: Send + Sync>(parts: &mut request::Parts, state: &S) -> Result<RawPathParams, Failure> {
    RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| Failure::invalid("the path is not percent-encoded UTF-8"))
}

fn named<'a>(parameters: &'a RawPathParams, wanted: &'static str) -> Result<&'a str, Failure> {
    let found = parameters.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
    found.ok_or_else(|| Failure::defect(format!("a route has no {wanted} in its path")))
}

fn key(parameters: &RawPathParams) -> Result<Key, Failure> {
    let resource_type = resource_type(named(parameters, "type")?)?;
    let id = named(parameters, "id")?;
    if !is_id(id) {
        return Err(Failure::invalid("an id has 1 to 64 letters, digits, hyphens and dots"));
    }
    Ok(Key { resource_type, id: id.to_owned() })
}

fn resource_type(name: &str) -> Result<ResourceType, Failure> {
    ResourceType::from_name(name).ok_or_else(|| {
        Failure::new(
            StatusCode::NOT_FOUND,
            IssueType::NotSupported,
            "the path names no resource type of FHIR R4",
        )
    })
}
