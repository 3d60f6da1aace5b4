package sessionclient

import (
	"encoding/json"
	"strconv"

	"github.com/offload/sessiond/domain/strict"
)

// maxToken is the maximum length of a token.
const maxToken = 4096

// version is the version of the text in the storage.
const version = 1

// held is what a client keeps: an install ID and a session of that installation. Either may be
// empty.
type held struct {
	installID, token string
	// refreshAfter is after how many seconds the session was due when it arrived, or 0 if that is
	// unknown. It is stored for other clients with the same storage.
	refreshAfter int
}

// format returns the text for the storage, which is empty if h holds nothing.
func (h held) format() string {
	if h == (held{}) {
		return ""
	}
	text, err := json.Marshal(stored{Version: version, InstallID: h.installID, Token: h.token,
		RefreshAfter: h.refreshAfter})
	if err != nil {
		panic(err) // marshaling strings and numbers cannot fail
	}
	return string(text)
}

// stored is the form of the text.
type stored struct {
	Version      int    `json:"version"`
	InstallID    string `json:"install_id"`
	Token        string `json:"session_token"`
	RefreshAfter int    `json:"refresh_after,omitempty"`
}

// parse returns what a text of the storage holds. A text that is corrupt, or of another version,
// holds at most an install ID.
func parse(text string) held {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &members) != nil {
		return held{}
	}
	var h held
	if json.Unmarshal(members["install_id"], &h.installID) != nil || !validInstallID(h.installID) {
		return held{}
	}
	if string(members["version"]) != strconv.Itoa(version) ||
		json.Unmarshal(members["session_token"], &h.token) != nil ||
		!strict.Plain(h.token, maxToken) {
		return held{installID: h.installID}
	}
	if json.Unmarshal(members["refresh_after"], &h.refreshAfter) != nil || h.refreshAfter < 0 ||
		h.refreshAfter > maxRefresh {
		h.refreshAfter = 0
	}
	return h
}
