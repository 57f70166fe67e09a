// A certified OpenID provider with one client, for people who are whoever they say, and two machines. It listens on a free port
// of this machine, prints its issuer as a line of JSON, and puts people and machines into groups by the start of their names:
// `lead-…` into `leads`, `staff-…` into `staff`.

import { createServer } from "node:http";

import Provider from "oidc-provider";

const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const groupOf = (name) => (name.startsWith("lead-") ? ["leads"] : name.startsWith("staff-") ? ["staff"] : []);

// A machine gets access tokens for whatever resource it names.
const machine = (name) => ({
    client_id: name,
    client_secret: "a machine's secret",
    redirect_uris: [],
    response_types: [],
    grant_types: ["client_credentials"],
});

const provider = new Provider(issuer, {
    clients: [
        {
            client_id: "stonegate",
            client_secret: "a secret: of + and %",
            // Native clients come back to whatever port they listen on (RFC 8252, 7.3).
            application_type: "native",
            redirect_uris: ["http://127.0.0.1/signin/callback"],
            grant_types: ["authorization_code"],
            response_types: ["code"],
            token_endpoint_auth_method: "client_secret_basic",
        },
        machine("staff-ci"),
        machine("stranger"),
    ],
    features: {
        clientCredentials: { enabled: true },
        resourceIndicators: {
            enabled: true,
            // Signed tokens (RFC 9068), which the resource can read without asking.
            getResourceServerInfo: (_context, resource) => ({ scope: "", audience: resource, accessTokenFormat: "jwt" }),
        },
    },
    extraTokenClaims: (_context, token) => ({ groups: groupOf(token.clientId), preferred_username: token.clientId }),
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["preferred_username"], groups: ["groups"] },
    scopes: ["openid", "email", "profile", "groups"],
    cookies: { keys: ["for tests only"] },
    findAccount: (_context, id) => ({
        accountId: id,
        claims: () => ({
            sub: id,
            email: `${id}@example.org`,
            email_verified: true,
            preferred_username: id,
            groups: groupOf(id),
        }),
    }),
});

server.on("request", provider.callback());
console.log(JSON.stringify({ issuer }));
