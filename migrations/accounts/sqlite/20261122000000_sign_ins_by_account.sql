-- Whoever changes a password ends all sign-ins of the account.
CREATE INDEX sign_ins_by_account ON sign_ins (account_id);
