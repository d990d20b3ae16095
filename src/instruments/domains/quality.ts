/** How good the content is. Scores without a unit: `1` would make `…_ratio` of their names. */
import { gauge } from '../definition.ts'

export const quality = {
  accuracy: gauge('quality.accuracy', '', 'Share of content that is right, 0..1.'),
  validationSuccess: gauge('quality.validation.success', '', 'Share of validations that were passed, 0..1.'),
  score: gauge('quality.score', '', 'The whole in one number, 0..1.'),
  falsePositive: gauge('quality.false_positive', '', 'Share of alarms that were none, 0..1.'),
  userSatisfaction: gauge('quality.user_satisfaction', '', 'How content people are, 0..1.'),
}
