// Sends proofs that are made by npm's dpop and oauth4webapi to a running service: each must be
// accepted, at issue, for a renewal and on a protected path, also with a wrong clock. The argument is
// the service's origin.
import assert from 'node:assert/strict';
import * as dpop from 'dpop';
import * as oauth from 'oauth4webapi';

const origin = process.argv[2];
const issueURL = new URL('/v1/sessions/anonymous', origin);
const currentURL = new URL('/v1/sessions/current?any=query', origin);
const day = 24 * 60 * 60;

/** issue requests a session, and returns the status, the error code and the body. */
async function issue(id, headers) {
	const answer = await fetch(issueURL, {
		method: 'POST',
		headers: { 'Content-Type': 'application/json', ...headers },
		body: JSON.stringify({ install_id: id, app_version: '1.0', platform: 'ios' }),
	});
	return {
		status: answer.status, code: answer.headers.get('X-Error-Code'),
		nonce: answer.headers.get('DPoP-Nonce'), body: await answer.json(),
	};
}

/** current requests the session of a token, as a resource of an OAuth client. */
function current(token, handle) {
	return oauth.protectedResourceRequest(token, 'GET', currentURL, new Headers(), null,
		{ DPoP: handle, [oauth.allowInsecureRequests]: true });
}

for (const alg of ['ES256', 'Ed25519']) {
	const keys = await dpop.generateKeyPair(alg);
	const id = await dpop.calculateThumbprint(keys.publicKey);
	const proof = await dpop.generateProof(keys, issueURL.href, 'POST');
	const issued = await issue(id, { DPoP: proof });
	assert.equal(issued.status, 200, JSON.stringify(issued));
	assert.equal((await issue(id, { DPoP: proof })).code, 'invalid_proof', 'a proof is used once');

	const token = issued.body.session_token;
	const renewed = await issue(id, {
		Authorization: `DPoP ${token}`,
		DPoP: await dpop.generateProof(keys, issueURL.href, 'POST', undefined, token),
	});
	assert.equal(renewed.status, 200, JSON.stringify(renewed));

	const seen = await current(renewed.body.session_token, oauth.DPoP({}, keys));
	assert.equal(seen.status, 200);
	assert.equal((await seen.json()).install_id, id);

	for (const wrong of [day, -day]) {
		const handle = oauth.DPoP({ [oauth.clockSkew]: wrong }, keys);
		const refused = await current(token, handle).then(() => null, (error) => error);
		assert.ok(oauth.isDPoPNonceError(refused), `the library sees that a nonce is needed: ${refused}`);
		assert.equal((await current(token, handle)).status, 200, 'with the nonce');
	}
	const other = await dpop.generateKeyPair(alg);
	const stolen = await current(token, oauth.DPoP({}, other)).then(() => null, (error) => error);
	assert.ok(stolen instanceof oauth.WWWAuthenticateChallengeError, 'another key');
	assert.equal(stolen.cause[0].parameters.error, 'invalid_token');
	console.log(`${alg}: dpop and oauth4webapi are accepted`);
}
