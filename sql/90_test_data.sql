-- Test data, only if a hash for it is given: TEST_PASSWORD_HASH in the environment or the variable
-- test_password_hash. A second run leaves users as they have become since.

\getenv test_password_hash TEST_PASSWORD_HASH
\if :{?test_password_hash}
INSERT INTO public.virtual_domains (name)
SELECT 'testdomain.local'
 WHERE NOT EXISTS (SELECT FROM public.virtual_domains WHERE name = 'testdomain.local');

INSERT INTO public.virtual_users (email, display_name, password)
SELECT test.email, test.display_name, :'test_password_hash'
  FROM (VALUES ('alice@testdomain.local', 'Alice Test'),
               ('bob@testdomain.local', 'Bob Test'),
               ('carol@testdomain.local', 'Carol Test')) AS test (email, display_name)
 WHERE NOT EXISTS (SELECT FROM public.virtual_users AS u WHERE u.email = test.email);

INSERT INTO public.virtual_aliases (source, destination)
SELECT test.source, test.destination
  FROM (VALUES ('postmaster@testdomain.local', 'alice@testdomain.local'),
               ('team@testdomain.local', 'alice@testdomain.local'),
               ('team@testdomain.local', 'bob@testdomain.local')) AS test (source, destination)
 WHERE NOT EXISTS (SELECT FROM public.virtual_aliases AS a
                    WHERE (a.source, a.destination) = (test.source, test.destination));
\unset test_password_hash
\endif
