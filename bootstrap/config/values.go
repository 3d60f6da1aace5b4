package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/secret"
	"github.com/offload/sessiond/domain/strict"
)

// reviewer converts the values of the sources to the fields of the table and checks them.
type reviewer struct {
	*findings
	loader      *loader
	environment secret.Environment
	production  bool
	fields      fields
	// given is true for variables that a source or a default sets, even if the value cannot be
	// read.
	given map[string]bool
	// texts holds the values in force of the given variables that could be read.
	texts map[string]string
	// broken holds the variables with a reported fault. They are not checked further.
	broken map[string]bool
	// signing holds the secrets that sign or verify, valid or not.
	signing [][]byte
	// leaking holds the variables that contain a key, although others see their values.
	leaking map[string]bool
}

// origin returns the origin of a variable's value.
func (r *reviewer) origin(name string) string {
	if value, ok := r.loader.value(name); ok {
		return value.Origin
	}
	return originDefault
}

// faultOf records a fault of a variable.
func (r *reviewer) faultOf(name, problem, remedy string) {
	r.broken[name] = true
	r.fault(name, r.origin(name), problem, remedy)
}

// warnOf records a warning about a variable.
func (r *reviewer) warnOf(name, problem, remedy string) {
	r.warn(name, r.origin(name), problem, remedy)
}

// read sets the fields. The environment and what exposes the service come first, because they
// determine how the files of secrets are checked and the default address of the service.
func (r *reviewer) read() {
	first := append([]string{varEnvironment}, exposing...)
	for _, name := range first {
		v, _ := lookup(name)
		r.readOne(v)
	}
	r.determineEnvironment()
	for _, v := range table {
		if !slices.Contains(first, v.name) {
			r.readOne(v)
		}
	}
	if read := r.loader.secretFile; read != nil && r.production {
		for _, fault := range read.Exposures() {
			r.fault(VarConfigFile, read.origin, "contains a secret and "+fault.Error(),
				fault.Remedy)
		}
		for _, fault := range securefile.Foreign(r.loader.config.Text) {
			r.warn(VarConfigFile, read.origin, "contains a secret and "+fault.Error(),
				fault.Remedy)
		}
	}
}

// readOne sets the field of one variable.
func (r *reviewer) readOne(v variable) {
	value, ok := r.loader.value(v.name)
	if !ok {
		return
	}
	r.given[v.name] = true
	if value.Problem != "" && !value.Reported {
		r.fault(v.name, value.Origin, value.Problem, value.Remedy)
	}
	if value.unusable() {
		r.broken[v.name] = true
		return
	}
	text := value.Text
	if value.ByFile {
		if text, ok = r.readFileOf(v, value.Text); !ok {
			return
		}
	}
	if v.trim {
		text = strings.TrimSpace(text)
	}
	if v.secret() && text != "" && secret.Trim(text) == "" {
		r.warnOf(v.name, "contains only white space: it counts as not set",
			"set a secret, or remove the variable")
		r.given[v.name] = false
		return
	}
	if v.name == VarSigningKeys && holdsNoKeys(text) {
		r.given[v.name] = false
		return
	}
	r.texts[v.name] = text
	if (!v.secret() || v.name == VarSigningKeys) && r.rejectQuotes(v.name) {
		return
	}
	if !v.secret() && r.rejectReference(v.name) || v.isText() && r.rejectWrapped(v.name) {
		return
	}
	field := reflect.ValueOf(&r.fields).Elem().Field(v.index)
	switch {
	case set(field, text):
	case strings.TrimSpace(text) == "":
		r.faultOf(v.name, "is not "+v.shape()+": it is empty", "use "+v.expected()+
			", or remove the variable")
	default:
		r.faultOf(v.name, "is not "+v.shape()+quotedUnlessSecret(text), "use "+v.expected())
	}
}

// rejectQuotes reports whether the value of a variable is enclosed in quotes, which it rejects.
func (r *reviewer) rejectQuotes(name string) bool {
	if !isQuoted(strings.TrimSpace(r.texts[name])) {
		return false
	}
	r.faultOf(name, "is enclosed in quotes, which are part of the value",
		"remove the quotes: the tool that read them, such as docker --env-file, keeps them")
	return true
}

// reference matches references that shells and templates replace by a value.
var reference = pattern(`\$\{[^}]*\}|\$\([^)]*\)|\{\{.*\}\}|^\s*\$[A-Za-z_]+\s*$`)

// rejectReference reports whether the value of a variable has a reference that nothing replaced,
// which it rejects.
func (r *reviewer) rejectReference(name string) bool {
	if text := r.texts[name]; !strings.ContainsAny(text, "${") || !reference().MatchString(text) {
		return false
	}
	r.faultOf(name, "has a reference, such as ${NAME}, that nothing replaced",
		"write the value itself: the tool that read it, such as docker --env-file, replaces nothing")
	return true
}

// rejectWrapped rejects a text that has an invisible character or begins with the name of its
// variable, and reports whether it did. Such a value differs from that of another replica without
// looking different.
func (r *reviewer) rejectWrapped(name string) bool {
	switch text := r.texts[name]; {
	case hasInvisible(text):
		r.faultOf(name, "has an invisible character"+quotedUnlessSecret(text),
			"remove the byte order mark or the zero-width character; Windows PowerShell writes the "+
				"mark at the beginning of a file")
	case hasName(text, name):
		r.faultOf(name, "begins with the name of a variable"+quotedUnlessSecret(text),
			"write the value alone, without the name")
	default:
		return false
	}
	return true
}

// hasInvisible reports whether text has a format character. Joiners between two characters, which
// some scripts need, do not count.
func hasInvisible(text string) bool {
	const joiners = "\u200c\u200d"
	return strings.Trim(text, joiners) != text ||
		strings.ContainsFunc(text, func(r rune) bool {
			return unicode.Is(unicode.Cf, r) && !strings.ContainsRune(joiners, r)
		})
}

// hasName reports whether text is an assignment to the variable, as in a shell or in YAML.
func hasName(text, name string) bool {
	text = strings.TrimPrefix(strings.TrimSpace(text), "export ")
	end := strings.IndexAny(text, "=:")
	if end < 0 {
		return false
	}
	written := strings.ToUpper(strings.TrimSpace(text[:end]))
	return written == name || prefix+written == name
}

// holdsNoKeys reports whether the value of the signing keys is an empty JSON object or null, which
// counts as not set.
func holdsNoKeys(text string) bool {
	compact := strings.Join(strings.Fields(text), "")
	return compact == "{}" || compact == "null"
}

// readFileOf returns the value in a file without a byte order mark at the start and one line break
// at the end, and false if there is no value.
func (r *reviewer) readFileOf(v variable, name string) (text string, ok bool) {
	read, fault := readFile(name, maxFile)
	if fault != nil {
		problem, remedy := fault.Error(), fault.Remedy
		if v.secret() && !strings.HasPrefix(name, "/") {
			// The value may be the secret itself instead of the name of a file, unless it is an
			// absolute path.
			r.faultOf(v.name, "is to be read from a file that "+problem+
				"; its name is not shown because it may be the secret itself", remedy)
		} else {
			r.faultOf(v.name, "is to be read from the file "+ShownPath(name)+", which "+problem, remedy)
		}
		return "", false
	}
	if v.secret() && r.production {
		words := "is read from the file " + ShownPath(name) + ", which "
		for _, fault := range read.Exposures() {
			r.fault(v.name, r.origin(v.name), words+fault.Error(), fault.Remedy)
		}
		r.warnForeign(v.name, words, name)
	}
	if encoding := strict.UTF16(string(read.Content)); encoding != "" {
		r.faultOf(v.name, "is read from the file "+ShownPath(name)+", which is in "+encoding,
			"save it as UTF-8 text; Windows PowerShell: Set-Content -Encoding utf8")
		return "", false
	}
	text, cut := strings.CutSuffix(withoutBOM(read.Content), "\r\n")
	if !cut {
		text = strings.TrimSuffix(text, "\n")
	}
	if text == "" && v.emptyIsUnset() {
		r.warnOf(v.name, "is read from the file "+ShownPath(name)+
			", which is empty: it counts as not set", "fill the file, or remove the variable")
		r.given[v.name] = false
		return "", false
	}
	return text, true
}

// isQuoted reports whether text is enclosed in quotes of one kind.
func isQuoted(text string) bool {
	for _, pair := range [...][2]string{{"“", "”"}, {"„", "“"}, {"‘", "’"}, {"«", "»"}} {
		if inner, ok := strings.CutPrefix(text, pair[0]); ok && strings.HasSuffix(inner, pair[1]) {
			return true
		}
	}
	return len(text) > 1 && strings.IndexByte("\"'`", text[0]) >= 0 &&
		strings.IndexByte(text[1:], text[0]) == len(text)-2
}

// set sets a field from text. It returns false if text is not valid for the type of the field.
func set(field reflect.Value, text string) bool {
	switch field.Interface().(type) {
	case Secret:
		field.Set(reflect.ValueOf(NewSecret(text)))
	case []string:
		field.Set(reflect.ValueOf(listOf(text)))
	case int:
		number, ok := wholeNumber(text)
		field.SetInt(number)
		return ok
	case bool:
		word := strings.TrimSpace(text)
		isTrue, isFalse := strings.EqualFold(word, "true"), strings.EqualFold(word, "false")
		field.SetBool(isTrue)
		return isTrue || isFalse
	default:
		if enumerations[field.Type()] != nil {
			return setWord(field, strings.TrimSpace(text))
		}
		field.SetString(text)
	}
	return true
}

// listOf splits text at commas and trims the items. Empty text is an empty list.
func listOf(text string) []string {
	if text == "" {
		return nil
	}
	items := strings.Split(text, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}

// wholeNumber parses a whole number as people and other programs write it: with white space at both
// ends, a leading plus, leading zeros or a fraction of zeros.
func wholeNumber(text string) (int64, bool) {
	digits := strings.TrimPrefix(strings.TrimSpace(text), "+")
	if whole, fraction, has := strings.Cut(digits, "."); has {
		if fraction == "" || strings.Trim(fraction, "0") != "" {
			return 0, false
		}
		digits = whole
	}
	if digits == "" {
		return 0, false
	}
	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		digits = "0"
	}
	return decimal(digits)
}

// decimal parses a whole number of plain digits: no sign, space, separator or leading zero, which
// other parsers read as octal.
func decimal(text string) (int64, bool) {
	if len(text) > 1 && text[0] == '0' || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	number, err := strconv.ParseInt(text, 10, strconv.IntSize)
	return number, err == nil
}
