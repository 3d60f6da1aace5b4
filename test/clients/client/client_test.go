package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/clients/client"
	"github.com/offload/sessiond/test/harness"
)

// exact decodes body strictly and compares the result with got. It fails if body has a member that
// the generated type does not have.
func exact[T any](t *testing.T, body []byte, got *T) T {
	t.Helper()
	require.NotNil(t, got, "%s", body)
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	var again T
	require.NoError(t, decoder.Decode(&again), "%s", body)
	assert.Equal(t, *got, again)
	return *got
}

func bearer(token string) client.RequestEditorFn {
	return func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
}

// TestGeneratedClient uses every operation and every kind of error with the generated client. The
// service's clock stands still until the test moves it.
func TestGeneratedClient(t *testing.T) {
	service := harness.Serve(t, harness.Env{"OFFLOAD_SESSION_TTL_SECONDS": "2",
		"OFFLOAD_SESSION_ISSUE_LIMIT_PER_IP": "3"})
	api, err := client.NewClientWithResponses("http://" + service.Public)
	require.NoError(t, err)
	ctx := t.Context()
	body := client.SessionRequest{InstallId: "install-12345", AppVersion: "1.0", Platform: "ios"}
	name := "generated-1"

	issued, err := api.IssueSessionWithResponse(ctx, &client.IssueSessionParams{XRequestID: &name},
		body)
	require.NoError(t, err)
	session := exact(t, issued.Body, issued.JSON200)
	assert.EqualValues(t, 2, session.ExpiresIn)
	assert.EqualValues(t, 1, session.RefreshAfter)
	assert.True(t, harness.Noon.Add(2*time.Second).Equal(session.ExpiresAt), "%s", session.ExpiresAt)
	assert.Equal(t, name, issued.HTTPResponse.Header.Get("X-Request-ID"))

	current, err := api.GetCurrentSessionWithResponse(ctx, nil, bearer(session.SessionToken))
	require.NoError(t, err)
	shown := exact(t, current.Body, current.JSON200)
	assert.Equal(t, body.InstallId, shown.InstallId)
	assert.Equal(t, session.ExpiresAt, shown.ExpiresAt)

	verified, err := api.VerifyWithResponse(ctx, nil, bearer(session.SessionToken))
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, verified.StatusCode())
	assert.Empty(t, verified.Body)
	require.NotNil(t, verified.Headers200)
	assert.Equal(t, "install-12345", verified.Headers200.XSessionInstallId)
	assert.Equal(t, session.ExpiresAt, verified.Headers200.XSessionExpiresAt)

	wrong, err := api.IssueSessionWithResponse(ctx, nil,
		client.SessionRequest{InstallId: "short", Platform: " "})
	require.NoError(t, err)
	invalid := exact(t, wrong.Body, wrong.JSON422)
	assert.Equal(t, client.ValidationProblemCodeValidationError, invalid.Error.Code)
	assert.Equal(t, []client.Violation{
		{Field: client.ViolationFieldInstallId, Rule: client.Length, Min: new(8), Max: new(128)},
		{Field: client.ViolationFieldAppVersion, Rule: client.Length, Min: new(1), Max: new(32)},
		{Field: client.ViolationFieldPlatform, Rule: client.Blank},
	}, invalid.Error.Details)

	for attempt := 1; ; attempt++ {
		require.LessOrEqual(t, attempt, 10, "the limit of the address does not apply")
		again, err := api.IssueSessionWithResponse(ctx, nil,
			client.SessionRequest{InstallId: "install-67890", AppVersion: "1.0", Platform: "ios"})
		require.NoError(t, err)
		if again.StatusCode() == http.StatusOK {
			continue
		}
		limited := exact(t, again.Body, again.JSON429)
		assert.Equal(t, client.SessionRateLimited, limited.Error.Code)
		require.NotNil(t, again.Headers429)
		assert.True(t, again.Headers429.RetryAfter >= 1 && again.Headers429.RetryAfter <= 120, "%d",
			again.Headers429.RetryAfter)
		break
	}

	assert.Equal(t, string(client.Unauthorized), refusal(t, api))
	assert.Equal(t, string(client.InvalidToken), refusal(t, api, bearer("x")))
	service.Clock.Advance(2 * time.Second)
	assert.Equal(t, string(client.ExpiredToken), refusal(t, api, bearer(session.SessionToken)))

	keys, err := api.GetPublicKeysWithResponse(ctx, nil)
	require.NoError(t, err)
	assert.Empty(t, exact(t, keys.Body, keys.JSON200).Keys)
	health, err := api.GetHealthWithResponse(ctx, nil)
	require.NoError(t, err)
	assert.True(t, exact(t, health.Body, health.JSON200).Status.Valid())
}

// refusal requests the current session, which must be refused with a 401, and returns the code. It
// decodes the error with the discriminator of the union.
func refusal(t *testing.T, api *client.ClientWithResponses,
	editors ...client.RequestEditorFn) string {
	t.Helper()
	answer, err := api.GetCurrentSessionWithResponse(t.Context(), nil, editors...)
	require.NoError(t, err)
	problem := exact(t, answer.Body, answer.JSON401).Error
	value, err := problem.ValueByDiscriminator()
	require.NoError(t, err)
	code, err := problem.Discriminator()
	require.NoError(t, err)
	message := ""
	switch known := value.(type) {
	case client.UnauthorizedProblem:
		message = string(known.Message)
		assert.True(t, known.Code.Valid() && known.Message.Valid())
	case client.InvalidTokenProblem:
		message = string(known.Message)
		assert.True(t, known.Code.Valid() && known.Message.Valid())
	case client.ExpiredTokenProblem:
		message = string(known.Message)
		assert.True(t, known.Code.Valid() && known.Message.Valid())
	}
	assert.NotEmpty(t, message)
	assert.Equal(t, code, answer.HTTPResponse.Header.Get("X-Error-Code"))
	return code
}
