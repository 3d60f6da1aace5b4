package config

import (
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/offload/sessiond/adapters/keys/keyset"
	"github.com/offload/sessiond/adapters/system/securefile"
	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/secret"
)

// denylist is what was read of the operator's list of denied secrets.
type denylist struct {
	secret.DenyList
	// words name the file, and begin each sentence about it.
	words string
	// fault is why the file cannot be read; nil if it was.
	fault *securefile.Fault
}

func readDenylist(name string) denylist {
	read, fault := readFile(name, maxDenylist)
	list := denylist{words: "names the file " + ShownPath(name), fault: fault}
	if fault == nil {
		list.DenyList = secret.ParseDenyList(read.Content)
	}
	return list
}

// problems returns everything that keeps the list from being used, and what to do about the first.
func (l denylist) problems(name string) (problems []string, remedy string) {
	if l.fault != nil {
		return []string{l.words + ", which " + l.fault.Error()}, fileRemedy(name, l.fault.Remedy)
	}
	for _, problem := range l.Faults {
		problems = append(problems, l.words+", of which "+problem.String())
	}
	return problems, "save it as UTF-8 text with one secret on each line"
}

// policy returns the secret policy, with the operator's list of denied secrets if there is one.
func (r *reviewer) policy() secret.Policy {
	name := string(r.fields.DenylistFile)
	if name == "" {
		return secret.Policy{}
	}
	list := readDenylist(name)
	problems, remedy := list.problems(name)
	for _, problem := range problems {
		r.faultOf(varDenylist, problem, remedy)
	}
	if list.fault != nil {
		return secret.Policy{}
	}
	for _, problem := range list.Warnings {
		r.warnOf(varDenylist, list.words+", of which "+problem.String(),
			"write the secret alone on its line, exactly as it was used, or remove the line")
	}
	if len(list.Secrets) == 0 && len(list.Faults) == 0 {
		r.warnOf(varDenylist, list.words+", which has no secret, so nothing is refused because of it",
			"list the secrets to refuse, or remove the variable")
	}
	return secret.NewPolicy(list.Secrets)
}

// denylistVersion describes the content of the operator's list as it is now, or why it cannot be
// read.
func (r *Review) denylistVersion() string {
	read, fault := readFile(r.denylistFile, maxDenylist)
	if fault != nil {
		return fault.Error()
	}
	digest := sha256.Sum256(read.Content)
	return string(digest[:])
}

// current returns the requirements with the operator's list as it is now. A replica that judged a
// changed keyset by an older list would accept what another one refuses at its start. It returns a
// *securefile.Fault if the list cannot be used: without it, nothing would be refused.
func (r *Review) current() (keys.Requirements, error) {
	if r.denylistFile == "" {
		return r.requirements, nil
	}
	list := readDenylist(r.denylistFile)
	if problems, remedy := list.problems(r.denylistFile); problems != nil {
		return keys.Requirements{}, &securefile.Fault{Reason: keyset.ReasonRefused,
			Problem: "cannot be judged", Remedy: remedy,
			Cause: errors.New(varDenylist + " " + strings.Join(problems, "; "))}
	}
	return r.requirements.WithPolicy(secret.NewPolicy(list.Secrets)), nil
}
