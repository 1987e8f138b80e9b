-- A mail database as an earlier version left it, in use: serial keys, varchar, addresses in any case, hashes with and without scheme.
CREATE TABLE virtual_domains (
    id SERIAL PRIMARY KEY,
    name VARCHAR(255) NOT NULL UNIQUE,
    remark TEXT
);
CREATE TABLE virtual_users (
    id SERIAL PRIMARY KEY,
    domain_id INTEGER NOT NULL REFERENCES virtual_domains (id) ON DELETE CASCADE,
    email VARCHAR(255) NOT NULL UNIQUE,
    password VARCHAR(255) NOT NULL,
    quota INTEGER DEFAULT 0,
    enabled SMALLINT DEFAULT 1
);
CREATE TABLE virtual_aliases (
    id SERIAL PRIMARY KEY,
    domain_id INTEGER NOT NULL REFERENCES virtual_domains (id) ON DELETE CASCADE,
    source VARCHAR(255) NOT NULL,
    destination VARCHAR(255) NOT NULL
);
CREATE VIEW user_mailbox_info AS SELECT email, password, '/var/mail/' || email AS home FROM virtual_users WHERE enabled = 1;
CREATE FUNCTION verify_password(p_email VARCHAR, p_password VARCHAR) RETURNS BOOLEAN LANGUAGE sql AS 'SELECT false';
GRANT SELECT ON virtual_users TO PUBLIC;

INSERT INTO virtual_domains (name, remark) VALUES ('Example.ORG', 'ours'), ('other.example', NULL);
INSERT INTO virtual_users (domain_id, email, password, quota, enabled) VALUES
    (1, 'Dora@Example.org', '$6$rounds=1000$testsalt$HASH', 1000, 1),
    (1, 'emil@example.org', '{SHA512-CRYPT}$6$rounds=1000$testsalt$HASH', NULL, 0),
    (2, 'FRED@OTHER.EXAMPLE', '{sha512-crypt}$6$rounds=1000$testsalt$HASH', 0, NULL);
INSERT INTO virtual_aliases (domain_id, source, destination) VALUES
    (1, '@example.org', 'Dora@example.org'),
    (2, 'Info@other.example', 'Someone.Else@elsewhere.example');
