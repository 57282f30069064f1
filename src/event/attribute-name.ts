/** The name of an attribute as a filter may ask for it; as Knative has it, and any that a producer can send begins so. */
export const attributeName = /^[a-z][a-z0-9]*$/

/** What to say of a name that is none, after the name. */
export const attributeNameAdvice =
  'is not the name of an event attribute: lower-case letters and digits, a letter first, e.g. type or mytenant'

/** How many attributes one map of a filter may have: far above what anybody writes. */
export const mostAttributes = 64
