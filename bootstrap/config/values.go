package config

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/offload/sessiond/domain/secret"
)

// reading turns what the sources say into the fields of the table.
type reading struct {
	*findings
	gathering  *gathering
	production bool
	fields     fields
	// given are the variables that a source or a default gives, readable or not.
	given map[string]bool
	// texts are their values as they are in force, where they are readable.
	texts map[string]string
	// broken are the variables that a fault has been told of; nothing more is asked of them.
	broken map[string]bool
	// signing are the secrets that sign or verify, sound or not.
	signing []string
}

// origin is where a variable's value came from.
func (r *reading) origin(name string) string {
	if value, ok := r.gathering.of(name); ok {
		return value.Origin
	}
	return originDefault
}

// faultOf tells a fault of a variable.
func (r *reading) faultOf(name, problem, remedy string) {
	r.broken[name] = true
	r.fault(name, r.origin(name), problem, remedy)
}

// warnOf tells a warning about a variable.
func (r *reading) warnOf(name, problem, remedy string) {
	r.warn(name, r.origin(name), problem, remedy)
}

// read fills the fields. The environment comes first, for it decides how the files of secrets are judged, and where the service listens.
func (r *reading) read() {
	v, _ := lookup(varEnvironment)
	r.readOne(v)
	// An environment that cannot be made out is production-like.
	_, production := classify(r.fields.Environment)
	r.production = production || r.broken[varEnvironment]
	for _, v := range table {
		if v.name != varEnvironment {
			r.readOne(v)
		}
	}
	if exposed := r.gathering.secretFile; exposed != nil && r.production && exposed.exposed() {
		r.fault(varConfigFile, exposed.origin, "holds a secret and "+problemExposed, remedyExposed)
	}
}

func (r *reading) readOne(v variable) {
	value, ok := r.gathering.of(v.name)
	if !ok {
		return
	}
	r.given[v.name] = true
	if value.Problem != "" && !value.Told {
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
	if v.name == varHTTPAddr && value.Origin == originDefault {
		text = defaultHTTPAddr(r.production)
	}
	if v.trim {
		text = strings.TrimSpace(text)
	}
	if v.secret() && text != "" && secret.Trim(text) == "" {
		r.warnOf(v.name, "holds white space alone: it counts as not set",
			"give a secret, or remove the variable")
		r.given[v.name] = false
		return
	}
	r.texts[v.name] = text
	field := reflect.ValueOf(&r.fields).Elem().Field(v.index)
	if !set(field, text) {
		r.faultOf(v.name, "is not "+v.shape(), "give "+v.wanted())
	}
}

// readFileOf is the value in a file, less one trailing line break; ok is false where there is none.
func (r *reading) readFileOf(v variable, name string) (text string, ok bool) {
	read, err := readFile(name, maxFile)
	if err != nil {
		problem, remedy := fileProblem(err, maxFile)
		if v.secret() && !strings.HasPrefix(name, "/") {
			// The secret itself may have been put where the file's name belongs. What is plainly a path is none.
			r.faultOf(v.name, "is to be read from a file that "+problem+
				"; its name is not shown, for it may be the secret itself", remedy)
		} else {
			r.faultOf(v.name, "is to be read from the file "+shown(name)+", which "+problem, remedy)
		}
		return "", false
	}
	if v.secret() && r.production && read.exposed() {
		r.fault(v.name, r.origin(v.name), "is read from the file "+shown(name)+", which "+
			problemExposed, remedyExposed)
	}
	text, cut := strings.CutSuffix(read.content, "\r\n")
	if !cut {
		text = strings.TrimSuffix(text, "\n")
	}
	if text == "" && v.unsetByNothing() {
		r.warnOf(v.name, "is read from the file "+shown(name)+
			", which is empty: it counts as not set", "fill the file, or remove the variable")
		r.given[v.name] = false
		return "", false
	}
	return text, true
}

// set puts text into a field, as its type has it; false where it does not fit.
func set(field reflect.Value, text string) bool {
	switch field.Interface().(type) {
	case Secret:
		field.Set(reflect.ValueOf(NewSecret(text)))
	case []string:
		field.Set(reflect.ValueOf(listOf(text)))
	case int:
		number, ok := decimal(text)
		field.SetInt(number)
		return ok
	case bool:
		field.SetBool(text == "true")
		return text == "true" || text == "false"
	default:
		field.SetString(text)
	}
	return true
}

// listOf splits at commas; nothing is the empty list.
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

// decimal reads a whole number of plain digits: no sign, space, separator or leading nought, which other readers take for octal.
func decimal(text string) (int64, bool) {
	if len(text) > 1 && text[0] == '0' || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	number, err := strconv.ParseInt(text, 10, strconv.IntSize)
	return number, err == nil
}

func defaultHTTPAddr(production bool) string {
	if production {
		return ":8080"
	}
	return "127.0.0.1:8080"
}
