//! Between the wire's types and the domain's: checks of what comes in, forms of what goes out. Shared by the admin API
//! and the operator's commands.

use jiff::Timestamp;
use serde_json::{Map, Value};
use stonegate_identity::{ModelRule, Role};

use super::Problem;

pub(crate) mod adjustments;
pub(crate) mod audit;
pub(crate) mod budgets;
pub(crate) mod charges;
pub(crate) mod forecast;
pub(crate) mod installation;
pub(crate) mod keys;
pub(crate) mod teams;
pub(crate) mod tenants;
pub(crate) mod unresolved;
pub(crate) mod usage;
pub(crate) mod users;

/// The longest name of a user, key, team or tenant.
const NAME_MOST: usize = 100;

/// A name for people: something visible, on one line, not endless.
fn name(field: &'static str, text: &str) -> Result<String, Problem> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.chars().count() > NAME_MOST || trimmed.chars().any(char::is_control) {
        return Err(Problem::invalid(
            field,
            format!("a name has 1 to {NAME_MOST} characters and no line break"),
        ));
    }
    Ok(trimmed.to_owned())
}

fn rule(rule: Option<&stonegate_api::ModelRule>) -> Result<ModelRule, Problem> {
    let Some(rule) = rule else { return Ok(ModelRule::default()) };
    ModelRule::new(rule.allow.clone(), rule.deny.clone())
        .map_err(|bad| Problem::invalid("models", bad.to_string()))
}

fn shown_rule(rule: &ModelRule) -> stonegate_api::ModelRule {
    stonegate_api::ModelRule { allow: rule.allow().to_vec(), deny: rule.deny().to_vec() }
}

/// Claude Code's managed settings as they are kept.
fn managed(settings: &Option<Value>) -> Result<Option<String>, Problem> {
    match settings {
        None => Ok(None),
        Some(settings @ Value::Object(members)) => {
            check_managed(members)?;
            Ok(Some(settings.to_string()))
        }
        Some(_) => Err(Problem::invalid("managed_settings", "an object, or null to take the policy away")),
    }
}

/// The members whose form is known, so that a slip is told here and not on everybody's machine. What else there is changes with
/// Claude Code's versions and is its own to judge.
fn check_managed(settings: &Map<String, Value>) -> Result<(), Problem> {
    let wrong = |place: String, wanted: &str| {
        Err(Problem::invalid(format!("managed_settings.{place}"), format!("`{place}`: {wanted}")))
    };
    match settings.get("env") {
        None => {}
        Some(Value::Object(variables)) => {
            if let Some((name, _)) = variables.iter().find(|(_, value)| !value.is_string()) {
                return wrong(format!("env.{name}"), "a variable's value is text, in quotes");
            }
        }
        Some(_) => return wrong("env".to_owned(), "an object of variables and their values"),
    }
    let permissions = match settings.get("permissions") {
        None => return Ok(()),
        Some(Value::Object(permissions)) => permissions,
        Some(_) => return wrong("permissions".to_owned(), "an object, with `allow`, `ask` and `deny` in it"),
    };
    for name in ["allow", "ask", "deny"] {
        match permissions.get(name) {
            None => {}
            Some(Value::Array(rules)) => {
                if let Some(at) = rules.iter().position(|rule| !rule.is_string()) {
                    return wrong(
                        format!("permissions.{name}[{at}]"),
                        "a rule is text, such as \"WebFetch\"",
                    );
                }
            }
            Some(_) => {
                return wrong(format!("permissions.{name}"), "a list of rules, such as [\"WebFetch\"]");
            }
        }
    }
    Ok(())
}

fn shown_managed(kept: Option<&str>) -> Option<Value> {
    kept.and_then(|text| serde_json::from_str(text).ok())
}

/// A time as the wire writes it.
pub(crate) fn time(field: &'static str, text: &str) -> Result<Timestamp, Problem> {
    text.parse().map_err(|_error: jiff::Error| {
        Problem::invalid(field, format!("`{text}` is no time: write it as 2026-11-21T00:00:00Z"))
    })
}

fn shown_time(time: Timestamp) -> String {
    time.to_string()
}

fn shown_role(role: Role) -> stonegate_api::Role {
    match role {
        Role::User => stonegate_api::Role::User,
        Role::TeamLead => stonegate_api::Role::TeamLead,
        Role::Admin => stonegate_api::Role::Admin,
    }
}

fn role(role: stonegate_api::Role) -> Role {
    match role {
        stonegate_api::Role::User => Role::User,
        stonegate_api::Role::TeamLead => Role::TeamLead,
        stonegate_api::Role::Admin => Role::Admin,
    }
}
