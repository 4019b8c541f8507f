import HAL

/// What to do about an error of the system, whatever it befell; empty when its words are all there is to say.
package func remedy(_ error: PlatformError) -> String {
  switch error.code {
  case 1, 13: "give it to the user that runs this: ls -l tells whose it is"
  case 5: "the card or disk fails: see dmesg, and go on with another one"
  case 23, 24: "raise the limit: ulimit -n"
  case 28, 122: "free some space: df -h tells where it is short"
  case 30: "see dmesg whether the card failed; mount -o remount,rw makes it writable again"
  default: ""
  }
}

/// The same behind the error's own words.
package func describe(_ error: PlatformError) -> String {
  let remedy = remedy(error)
  return remedy.isEmpty ? "\(error)" : "\(error); \(remedy)"
}
