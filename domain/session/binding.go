package session

// Binding says whether sessions are bound to device keys. The zero value is the default.
type Binding uint8

// The bindings.
const (
	// BindingOff issues and accepts bearer sessions only.
	BindingOff Binding = iota
	// BindingAccept binds the sessions of clients that prove possession of a device key, and of all
	// those whose install id has the form of a thumbprint.
	BindingAccept
	// BindingRequire issues and accepts bound sessions only.
	BindingRequire
)

// Bindings returns every binding.
func Bindings() []Binding { return []Binding{BindingOff, BindingAccept, BindingRequire} }

// String returns the word for the binding.
func (b Binding) String() string {
	switch b {
	case BindingOff:
		return "off"
	case BindingAccept:
		return "accept"
	case BindingRequire:
		return "require"
	}
	return "unknown"
}

// MarshalText implements encoding.TextMarshaler.
func (b Binding) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// On reports whether sessions can be bound at all.
func (b Binding) On() bool { return b != BindingOff }

// AdmitsBearer reports whether an installation may have a bearer session. Where sessions can be
// bound, an id in the form of a thumbprint may not: a bearer session made elsewhere, or before
// binding was turned on, would be a second door to a bound installation.
func (b Binding) AdmitsBearer(id InstallID) bool {
	switch b {
	case BindingOff:
		return true
	case BindingAccept:
		return !id.IsThumbprint()
	case BindingRequire:
	}
	return false
}
