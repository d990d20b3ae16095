/** Who may come in, and what it costs to ask. */
import { fast } from '../bounds.ts'
import { counter, histogram } from '../definition.ts'

export const security = {
  jwtVerificationDuration: histogram('security.jwt_verification.duration', 's', 'Verifying one token.', fast),
  encryptionDuration: histogram('security.encryption.duration', 's', 'One encryption or decryption.', fast),
  authorizationDuration: histogram('security.authorization.duration', 's', 'Deciding what one caller may do.', fast),
  auditLogWriteDuration: histogram('security.audit_log.write.duration', 's', 'Writing one entry of the audit log.', fast),
  authentications: counter('security.authentications', '{authentication}', 'Callers who said who they are.', ['outcome']),
  authorizations: counter('security.authorizations', '{authorization}', 'Decisions on what callers may do.', ['outcome']),
}
