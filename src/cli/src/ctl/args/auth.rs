//! The commands on authentication, users and roles.

use clap::{ArgAction, Args, Subcommand};
use std::ffi::OsString;

use super::Arguments;

/// `auth`.
#[derive(Debug, Subcommand)]
pub enum Auth {
    /// Enables authentication.
    Enable(Arguments),
    /// Disables authentication.
    Disable(Arguments),
    /// Returns authentication status.
    Status(Arguments),
}

/// `user`.
#[derive(Debug, Subcommand)]
pub enum User {
    /// Adds a new user.
    Add(UserAdd),
    /// Deletes a user.
    Delete(Arguments),
    /// Gets detailed information of a user.
    Get(UserGet),
    /// Lists all users.
    List(Arguments),
    /// Changes password of user.
    Passwd(UserPasswd),
    /// Grants a role to a user.
    GrantRole(Arguments),
    /// Revokes a role from a user.
    RevokeRole(Arguments),
}

/// `user add`.
#[derive(Debug, Args)]
pub struct UserAdd {
    /// Ask for the password on the terminal; false reads a word from standard input.
    #[arg(long, default_value = "true", default_missing_value = "true", num_args = 0..=1)]
    #[arg(require_equals = true, action = ArgAction::Set)]
    pub interactive: bool,
    /// Supply password from the command line flag.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub new_user_password: String,
    /// Create a user without password (CN based auth only).
    #[arg(long)]
    pub no_password: bool,
    /// The name, or name:password.
    #[arg(value_name = "USER")]
    pub arguments: Vec<OsString>,
}

/// `user get`.
#[derive(Debug, Args)]
pub struct UserGet {
    /// Show permissions of roles granted to the user.
    #[arg(long)]
    pub detail: bool,
    /// The name.
    #[arg(value_name = "USER")]
    pub arguments: Vec<OsString>,
}

/// `user passwd`.
#[derive(Debug, Args)]
pub struct UserPasswd {
    /// Ask for the password on the terminal; false reads a word from standard input.
    #[arg(long, default_value = "true", default_missing_value = "true", num_args = 0..=1)]
    #[arg(require_equals = true, action = ArgAction::Set)]
    pub interactive: bool,
    /// The name.
    #[arg(value_name = "USER")]
    pub arguments: Vec<OsString>,
}

/// `role`.
#[derive(Debug, Subcommand)]
pub enum Role {
    /// Adds a new role.
    Add(Arguments),
    /// Deletes a role.
    Delete(Arguments),
    /// Gets detailed information of a role.
    Get(Arguments),
    /// Lists all roles.
    List(Arguments),
    /// Grants a key to a role.
    GrantPermission(RolePermission),
    /// Revokes a key from a role.
    RevokePermission(RolePermission),
}

/// `role grant-permission` and `role revoke-permission`.
#[derive(Debug, Args)]
pub struct RolePermission {
    /// A prefix permission.
    #[arg(long)]
    pub prefix: bool,
    /// A permission of keys that are greater than or equal to the given key using byte compare.
    #[arg(long)]
    pub from_key: bool,
    /// Role, type of permission when granting, key, and end of the range.
    #[arg(value_name = "ARGUMENT")]
    pub arguments: Vec<OsString>,
}
