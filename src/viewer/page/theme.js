const choices = ['', 'light', 'dark']
const names = { '': 'as the system has it', light: 'light', dark: 'dark' }

/**
 * Light, dark, or as the system has it; remembered.
 * @param {HTMLElement} button
 * @param {(said: string) => void} changed
 */
export function theme(button, changed) {
  let at = Math.max(0, choices.indexOf(remembered()))
  const apply = () => {
    if (choices[at] === '') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = choices[at]
    button.setAttribute('aria-label', `Light or dark, now ${names[choices[at]]}`)
  }
  button.addEventListener('click', () => {
    at = (at + 1) % choices.length
    remember(choices[at])
    apply()
    changed(`Colours ${names[choices[at]]}`)
  })
  apply()
}

/** A browser may forbid a page to remember. */
function remembered() {
  try {
    return localStorage.getItem('millrace-theme') ?? ''
  } catch {
    return ''
  }
}

function remember(choice) {
  try {
    localStorage.setItem('millrace-theme', choice)
  } catch {
    // then not
  }
}
