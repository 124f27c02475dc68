//! Tokens for the customers of the load, signed with the server's own key, as a server makes it for
//! itself: `EdDSA`.

use std::{
    io::Write,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use lastunit::account::{KeyFiles, Role, TokenAlgorithm, TokenRules, sign_offline};
use lastunit::domain::{CustomerId, Timestamp};
use tempfile::NamedTempFile;

/// As many as the script of the load draws from.
pub const CUSTOMERS: u32 = 32_768;
const VALID_SECONDS: u64 = 86_400;

/// Signs tokens for the server whose data are in this folder.
pub struct Signer {
    files: KeyFiles,
    rules: TokenRules,
}

impl Signer {
    pub fn of(data_dir: &Path) -> Self {
        let files = KeyFiles {
            algorithm: TokenAlgorithm::EdDsa,
            verifying: None,
            signing: None,
            issues: true,
            data_dir: data_dir.to_owned(),
        };
        let rules = TokenRules {
            issuer: "lastunit".to_owned(),
            audience: "lastunit".to_owned(),
            leeway_seconds: 5,
            role_claim: String::new(),
        };
        Self { files, rules }
    }

    pub fn sign(&self, subject: &str, role: Role) -> Result<String> {
        let now =
            SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
        let now = Timestamp::from_millis(u64::try_from(now.as_millis())?);
        let subject = CustomerId::new(subject).context("no customer id")?;
        sign_offline(&self.files, &self.rules, (&subject, role), (now, VALID_SECONDS))
            .context("cannot sign a token")
    }

    /// A file with the token of each customer, one a line, in the order of the script.
    pub fn of_all_customers(&self) -> Result<NamedTempFile> {
        let mut lines = String::new();
        for customer in 1..=CUSTOMERS {
            lines += &self.sign(&format!("c{customer:06}"), Role::Customer)?;
            lines.push('\n');
        }
        let mut file = NamedTempFile::new().context("cannot create a file for tokens")?;
        file.write_all(lines.as_bytes()).context("cannot write the tokens")?;
        Ok(file)
    }
}
