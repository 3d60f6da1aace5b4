package console

import (
	"time"

	"github.com/offload/sessiond/domain/keys"
)

const (
	// certificateSoon is how long before its end a certificate should have been renewed, and
	// certificateNow how long before its end it must be renewed at once.
	certificateSoon = 7 * 24 * time.Hour
	certificateNow  = time.Hour
	// gapSoon is how long before a period without a signing key the console warns of it.
	gapSoon = 7 * 24 * time.Hour
)

// signing returns notices for a lack of a signing key, now or soon, and for keys that end too
// early.
func (c *Console) signing(v *view) []notice {
	var list []notice
	gap, hasGap := v.keyring.SigningGap(v.At)
	next := "No key signs later."
	if !gap.Until.IsZero() {
		next = "The next key signs " + when(v.At, gap.Until) + "."
	}
	switch {
	case hasGap && !gap.From.After(v.At):
		list = append(list, notice{Status: statusCritical,
			Summary: "No key signs: no sessions are issued", Detail: next +
				" Sessions still verify.", Remedy: capital(c.SignerMissing),
			Runbook: "SessiondNoSigner"})
	case hasGap && v.At.Add(gapSoon).After(gap.From):
		list = append(list, notice{Status: statusAttention,
			Summary: "No key will sign from " + when(v.At, gap.From), Detail: next,
			Remedy: "Create a key that signs before that", Runbook: "SessiondSigningEnds"})
	}
	for _, early := range v.keyring.EarlyEnds(c.Retention, v.At) {
		list = append(list, notice{Status: statusAttention,
			Summary: "The key " + string(early.ID) + " ends too early",
			Detail: "It verifies until " + when(v.At, early.VerifyUntil) + ", and sessions that " +
				"it signs are of use until " + when(v.At, early.UsefulUntil) + ".",
			Remedy: capital(c.KeysEndEarly), Runbook: "keys_end_early"})
	}
	return list
}

// rotation returns a notice for a rotation that is under way. If no key signs now, the next key to
// sign is not a rotation: signing reports it.
func rotation(v *view) []notice {
	if _, signs := v.keyring.SignerAt(v.At); !signs {
		return nil
	}
	for _, change := range v.Changes {
		if change.State == keys.Signing {
			return []notice{{Status: statusInfo,
				Summary: "A rotation is under way: the key " + string(change.ID) + " signs from " +
					when(v.At, change.At)}}
		}
	}
	return nil
}

// expiring returns a notice for a certificate that ends soon or has ended.
func expiring(v *view) []notice {
	if v.Certificate == nil {
		return nil
	}
	ends := v.Certificate.NotAfter
	n := notice{Status: statusCritical, Summary: "The certificate ends " + when(v.At, ends),
		Detail: "From then on, clients refuse to connect.", Remedy: "Renew it: no restart is needed",
		Runbook: "SessiondCertificateEndsNow"}
	switch {
	case !ends.After(v.At):
		n.Summary, n.Detail = "The certificate has ended", "Clients refuse to connect."
		n.Since, n.Age = known(ends), v.At.Sub(ends)
	case ends.Before(v.At.Add(certificateNow)):
	case ends.Before(v.At.Add(certificateSoon)):
		n.Status, n.Runbook = statusAttention, "SessiondCertificateEnds"
	default:
		return nil
	}
	return []notice{n}
}
