package keys_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/domain/keys"
)

func TestES256SetByteForByte(t *testing.T) {
	key := keys.NewES256("es", seedOf("es"), keys.Plan{SignFrom: noon})
	keyring := newKeyring(t, key)
	public := `{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"es","x":"` +
		encoded(key.Public()[:32]) + `","y":"` + encoded(key.Public()[32:]) + `"`
	text := keys.FormatSet(keyring)
	assert.Equal(t, "{\"keys\":[\n"+public+`,"d":"`+encoded(seedOf("es"))+
		`","sign_from":"2026-02-16T12:00:00Z"}`+"\n]}\n", text)
	read, err := keys.ParseSet(text)
	require.NoError(t, err)
	assert.Equal(t, keyring, read)
	assert.Equal(t, `{"keys":[`+public+`}]}`, keys.FormatPublic(keyring, noon))
}

// TestParseSetRefusesES256Keys lists what can be wrong with a P-256 key of a keyset.
func TestParseSetRefusesES256Keys(t *testing.T) {
	const (
		crv     = "key 1 (a): crv: must be P-256"
		alg     = "key 1 (a): alg: must be ES256 for an EC key"
		x, y, d = "key 1 (a): x: ", "key 1 (a): y: ", "key 1 (a): d: "
		fits    = "does not fit the private part"
		size    = "must be 32 bytes"
		text    = "must be base64url without padding"
		public  = d + "is missing: a keyset holds private keys, and is not the set that is published"
	)
	key, other := keys.NewES256("a", seedOf("a"), keys.Plan{}), keys.NewES256("b", seedOf("b"), keys.Plan{})
	member := func(data []byte) string { return quoted(encoded(data)) }
	order := unhex(t, orderP256)
	for name, c := range map[string]struct {
		key  jwk
		want []string
	}{
		"crv missing":           {ec("a").without("crv"), []string{crv}},
		"crv P-384":             {ec("a").with("crv", `"P-384"`), []string{crv}},
		"crv secp256r1":         {ec("a").with("crv", `"secp256r1"`), []string{crv}},
		"crv secp256k1":         {ec("a").with("crv", `"secp256k1"`), []string{crv}},
		"alg missing":           {ec("a").without("alg"), []string{alg}},
		"alg ES384":             {ec("a").with("alg", `"ES384"`), []string{alg}},
		"alg ES256K":            {ec("a").with("alg", `"ES256K"`), []string{alg}},
		"alg EdDSA":             {ec("a").with("alg", `"EdDSA"`), []string{alg}},
		"alg HS256":             {ec("a").with("alg", `"HS256"`), []string{alg}},
		"alg by its use":        {ec("a").with("alg", `"ECDH-ES"`), []string{alg}},
		"a whole P-384 key":     {ec("a").with("crv", `"P-384"`).with("alg", `"ES384"`).with("x", member(make([]byte, 48))).with("y", member(make([]byte, 48))).with("d", member(make([]byte, 48))), []string{crv, alg, x + size, y + size, d + size}},
		"x missing":             {ec("a").without("x"), []string{x + "is missing"}},
		"y missing":             {ec("a").without("y"), []string{y + "is missing"}},
		"d missing":             {ec("a").without("d"), []string{public}},
		"x of 31 bytes":         {ec("a").with("x", member(key.Public()[:31])), []string{x + size}},
		"y of 33 bytes":         {ec("a").with("y", member(append([]byte{0}, key.Public()[32:]...))), []string{y + size}},
		"d of 31 bytes":         {ec("a").with("d", member(seedOf("a")[:31])), []string{d + size}},
		"d of 33 bytes":         {ec("a").with("d", member(append([]byte{0}, seedOf("a")...))), []string{d + size}},
		"d with its point":      {ec("a").with("d", member(append(seedOf("a"), key.Public()...))), []string{d + size}},
		"y padded":              {ec("a").with("y", quoted(encoded(key.Public()[32:])+"=")), []string{y + text}},
		"y null":                {ec("a").with("y", "null"), []string{y + text}},
		"x and y of another":    {ec("a").with("x", member(other.Public()[:32])).with("y", member(other.Public()[32:])), []string{x + fits, y + fits}},
		"d of another":          {ec("a").with("d", member(seedOf("b"))), []string{x + fits, y + fits}},
		"y of another":          {ec("a").with("y", member(other.Public()[32:])), []string{y + fits}},
		"the other y":           {ec("a").with("y", member(unhex(t, negated(t, hexOf(key.Public()))[64:]))), []string{y + fits}},
		"not on the curve":      {ec("a").with("x", member(make([]byte, 32))), []string{x + fits}},
		"d is zero":             {ec("a").with("d", member(make([]byte, 32))), []string{d + "is not a private key"}},
		"d is the order":        {ec("a").with("d", member(order)), []string{d + "is not a private key"}},
		"kty OKP":               {ec("a").with("kty", `"OKP"`), []string{"key 1 (a): has a member that is not known: \"y\"; known are kty alg kid sign_from verify_until revoked use key_ops crv x d", "key 1 (a): crv: must be Ed25519", "key 1 (a): alg: must be EdDSA for an OKP key", x + fits}},
		"kty in lower case":     {ec("a").with("kty", `"ec"`), []string{"key 1 (a): kty: must be oct, OKP or EC"}},
		"for key agreement":     {ec("a").with("key_ops", `["deriveKey"]`), []string{"key 1 (a): key_ops: must be a list of sign and verify"}},
		"a member that repeats": {ec("a").also("y", member(other.Public()[32:])), []string{"key 1 (a): y: appears twice"}},
		"k in EC":               {ec("a").with("k", `"AAAA"`), []string{"key 1 (a): has a member that is not known: \"k\"; known are kty alg kid sign_from verify_until revoked use key_ops crv x y d"}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, faultsOf(t, setOf(c.key))) })
	}
	for name, text := range map[string]string{
		"a scalar under two ids":     setOf(ec("a"), ec("a").with("kid", `"b"`)),
		"a scalar that is a seed":    setOf(ec("a"), okp("a").with("kid", `"b"`)),
		"a scalar that is a secret":  setOf(ec("a"), oct("b").with("k", member(seedOf("a")))),
		"x that is a secret":         setOf(ec("a"), oct("b").with("k", member(key.Public()[:32]))),
		"y that is a secret":         setOf(ec("a"), oct("b").with("k", member(key.Public()[32:]))),
		"x and y, that are a secret": setOf(ec("a"), oct("b").with("k", member(key.Public()))),
	} {
		assert.Equal(t, []string{"the set (b): the keys a and b are the same"}, faultsOf(t, text), name)
	}
}

// TestParsePublicIgnoresInvalidES256Keys checks that what is not a P-256 public key is passed over,
// and nothing else is.
func TestParsePublicIgnoresInvalidES256Keys(t *testing.T) {
	public := ec("odd").without("d").without("sign_from")
	key := keys.NewES256("odd", seedOf("odd"), keys.Plan{})
	for name, c := range map[string]struct {
		key  jwk
		read bool
	}{
		"as published":         {public, true},
		"for verifying":        {public.with("use", `"sig"`).with("key_ops", `["verify"]`), true},
		"unknown members":      {public.with("x5t", `"x"`), true},
		"a private part":       {ec("odd"), false},
		"a null private part":  {public.with("d", "null"), false},
		"without alg":          {public.without("alg"), false},
		"alg ES384":            {public.with("alg", `"ES384"`), false},
		"alg EdDSA":            {public.with("alg", `"EdDSA"`), false},
		"another curve":        {public.with("crv", `"P-384"`), false},
		"secp256k1":            {public.with("crv", `"secp256k1"`), false},
		"without y":            {public.without("y"), false},
		"a short y":            {public.with("y", quoted(encoded(key.Public()[33:]))), false},
		"a zero before x":      {public.with("x", quoted(encoded(append([]byte{0}, key.Public()[:32]...)))), false},
		"not on the curve":     {public.with("y", quoted(encoded(key.Public()[:32]))), false},
		"zeros":                {public.with("x", quoted(encoded(make([]byte, 32)))).with("y", quoted(encoded(make([]byte, 32)))), false},
		"the x of another key": {public.with("x", quoted(encoded(keys.NewES256("b", seedOf("b"), keys.Plan{}).Public()[:32]))), false},
		"for key agreement":    {public.with("use", `"enc"`), false},
		"kty OKP":              {public.with("kty", `"OKP"`), false},
		"OKP's members":        {published("odd").with("kty", `"EC"`), false},
		"x twice":              {public.also("x", quoted(encoded(key.Public()[:32]))), false},
	} {
		t.Run(name, func(t *testing.T) {
			read, err := keys.ParsePublic(setOf(published("valid"), c.key))
			require.NoError(t, err)
			verifier, known := read.VerifierAt("odd", noon)
			assert.Equal(t, c.read, known)
			if known {
				assert.Equal(t, keys.ES256, verifier.Algorithm())
				assert.Equal(t, key.Public(), verifier.Public())
				assert.Nil(t, verifier.Secret())
				assert.True(t, verifier.Verify([]byte("message"), key.Sign([]byte("message"))))
				assert.False(t, read.CanSign(noon))
			}
			assert.True(t, slices.ContainsFunc(read.Keys(), func(key keys.Key) bool {
				return key.ID() == "valid"
			}), "the other key is read")
		})
	}
}
