-- The services' roles. Passwords come from the environment (POSTFIX_PASSWORD, DOVECOT_PASSWORD, SOGO_PASSWORD,
-- MAILADMIN_PASSWORD) or from variables of the same names in small letters, never from a file. Best is a SCRAM-SHA-256
-- verifier made where the password is kept: it is written only if it differs, and no password reaches the server.
-- One in clear text is accepted, and written each time. A role whose password is not given keeps the one it has; a new
-- role without one cannot log in.

\getenv postfix_password POSTFIX_PASSWORD
\getenv dovecot_password DOVECOT_PASSWORD
\getenv sogo_password SOGO_PASSWORD
\getenv mailadmin_password MAILADMIN_PASSWORD
\if :{?postfix_password} \else \set postfix_password '' \endif
\if :{?dovecot_password} \else \set dovecot_password '' \endif
\if :{?sogo_password} \else \set sogo_password '' \endif
\if :{?mailadmin_password} \else \set mailadmin_password '' \endif

DO $$
DECLARE
    service text;
    granted record;
BEGIN
    FOREACH service IN ARRAY ARRAY['postfix', 'dovecot', 'sogo', 'mailadmin'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = service) THEN
            EXECUTE format('CREATE ROLE %I', service);
        END IF;
        EXECUTE format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', service);
        -- A look-up that hangs must not hold a connection, and nothing may shadow a table.
        EXECUTE format('ALTER ROLE %I SET search_path = public', service);
        EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', service, '10s');
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', service, '60s');
        -- Their statements can carry hashes and passwords. The server's log is not the place for those; no role can
        -- undo this for itself.
        EXECUTE format('ALTER ROLE %I SET log_statement = none', service);
        EXECUTE format('ALTER ROLE %I SET log_min_error_statement = panic', service);
        EXECUTE format('ALTER ROLE %I SET log_min_duration_statement = -1', service);
        EXECUTE format('ALTER ROLE %I SET log_min_duration_sample = -1', service);
        EXECUTE format('ALTER ROLE %I SET log_transaction_sample_rate = 0', service);
        EXECUTE format('ALTER ROLE %I SET log_parameter_max_length_on_error = 0', service);
    END LOOP;

    FOR granted IN
        SELECT m.roleid::regrole AS role, m.member::regrole AS member, m.grantor::regrole AS grantor
          FROM pg_auth_members AS m
         WHERE m.member::regrole::text IN ('postfix', 'dovecot', 'sogo', 'mailadmin', 'mail_owner')
    LOOP
        EXECUTE format('REVOKE %s FROM %s GRANTED BY %s CASCADE', granted.role, granted.member, granted.grantor);
    END LOOP;
END
$$;

SET password_encryption = 'scram-sha-256';
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
SET log_min_duration_sample = -1;
SET log_transaction_sample_rate = 0;
SELECT format('ALTER ROLE %I PASSWORD %L', given.role, given.password)
  FROM (VALUES ('postfix', :'postfix_password'), ('dovecot', :'dovecot_password'),
               ('sogo', :'sogo_password'), ('mailadmin', :'mailadmin_password')) AS given (role, password)
  JOIN pg_authid AS a ON a.rolname = given.role
 WHERE given.password <> '' AND a.rolpassword IS DISTINCT FROM given.password
\gexec
RESET log_transaction_sample_rate;
RESET log_min_duration_sample;
RESET log_min_duration_statement;
RESET log_min_error_statement;
RESET log_statement;
RESET password_encryption;
\unset postfix_password
\unset dovecot_password
\unset sogo_password
\unset mailadmin_password
