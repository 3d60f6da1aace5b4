package envelope_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/offload/sessiond/adapters/http/envelope"
)

// TestObjectIsJSON compares objects with what encoding/json makes of the same members.
func TestObjectIsJSON(t *testing.T) {
	type inner struct {
		Text   string `json:"text"`
		Number int64  `json:"number"`
	}
	type outer struct {
		Object inner   `json:"object"`
		List   []inner `json:"list"`
		Text   string  `json:"text"`
	}
	rapid.Check(t, func(t *rapid.T) {
		inners := rapid.Custom(func(t *rapid.T) inner {
			return inner{rapid.String().Draw(t, "text"), rapid.Int64().Draw(t, "number")}
		})
		want := outer{inners.Draw(t, "object"), rapid.SliceOfN(inners, 0, 3).Draw(t, "list"),
			rapid.String().Draw(t, "text")}
		if want.List == nil {
			want.List = []inner{}
		}
		object := func(of inner) (o envelope.Object) {
			o.Text("text", of.Text)
			o.Number("number", of.Number)
			return o
		}
		var written envelope.Object
		written.Begin("object")
		written.Text("text", want.Object.Text)
		written.Number("number", want.Object.Number)
		written.End()
		var list []envelope.Object
		for _, one := range want.List {
			list = append(list, object(one))
		}
		written.List("list", list)
		written.Text("text", want.Text)
		text := written.Bytes()
		var read outer
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		require.NoError(t, decoder.Decode(&read), "%s", text)
		assert.Equal(t, want, read)
		assert.NotContains(t, string(text), "\n")
	})
}
