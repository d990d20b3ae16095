/** What it is all for. */
import { counter, gauge, upDownCounter } from '../definition.ts'

export const business = {
  activeUsers: gauge('business.active_users', '{user}', 'People who use it, now.'),
  contentGenerated: counter('business.content.generated', '{item}', 'Pieces of content made.', ['type']),
  apiRequests: counter('business.api.requests', '{request}', 'Requests of customers.', ['endpoint']),
  revenueImpact: upDownCounter('business.revenue.impact', '{currency}', 'Money won, or lost where it falls.', ['currency']),
  userRetention: gauge('business.user.retention', '1', 'Share of people who come again, 0..1.'),
}
