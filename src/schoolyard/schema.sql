-- The tables of SikshaMitra ERP that an operations platform meets, by their exact names, columns, enum labels, defaults,
-- foreign keys and indexes (PostgreSQL, commit of 2026-02). Ids are text made by the client: no default. Times are UTC
-- in "timestamp(3) without time zone". "updatedAt" is mostly NOT NULL without a default.

CREATE TYPE "AuditAction" AS ENUM ('CREATE', 'READ', 'UPDATE', 'DELETE', 'LOGIN', 'LOGOUT', 'EXPORT', 'IMPORT', 'APPROVE',
  'REJECT', 'PUBLISH', 'ARCHIVE', 'VERIFY', 'VIEW', 'UPLOAD', 'REUPLOAD', 'ADD_NOTE', 'DELETE_NOTE', 'BULK_VERIFY', 'BULK_REJECT');
CREATE TYPE "UserRole" AS ENUM ('ADMIN', 'TEACHER', 'STUDENT', 'PARENT', 'SUPER_ADMIN');
CREATE TYPE "SchoolStatus" AS ENUM ('ACTIVE', 'SUSPENDED', 'DEACTIVATED');
CREATE TYPE "PlanType" AS ENUM ('STARTER', 'GROWTH', 'DOMINATE');
CREATE TYPE "SubdomainStatus" AS ENUM ('PENDING', 'DNS_CONFIGURED', 'SSL_CONFIGURED', 'ACTIVE', 'FAILED');
CREATE TYPE "PaymentStatus" AS ENUM ('PENDING', 'COMPLETED', 'PARTIAL', 'FAILED', 'REFUNDED');
CREATE TYPE "PaymentMethod" AS ENUM ('CASH', 'CHEQUE', 'CREDIT_CARD', 'DEBIT_CARD', 'BANK_TRANSFER', 'ONLINE_PAYMENT', 'SCHOLARSHIP');
CREATE TYPE "PaymentSource" AS ENUM ('MANUAL', 'ONLINE', 'RECEIPT_UPLOAD');
CREATE TYPE "MessageLogStatus" AS ENUM ('QUEUED', 'SENDING', 'SENT', 'DELIVERED', 'READ', 'FAILED');
CREATE TYPE "CommunicationChannel" AS ENUM ('EMAIL', 'SMS', 'WHATSAPP', 'IN_APP');
CREATE TYPE "MessageStatus" AS ENUM ('PENDING', 'SENT', 'FAILED', 'PARTIALLY_SENT');
CREATE TYPE "MessageType" AS ENUM ('SMS', 'EMAIL', 'WHATSAPP', 'BOTH');
CREATE TYPE "BackupStatus" AS ENUM ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'FAILED');
CREATE TYPE "BackupType" AS ENUM ('MANUAL', 'SCHEDULED', 'AUTOMATIC');
CREATE TYPE "SubscriptionStatus" AS ENUM ('ACTIVE', 'PAST_DUE', 'CANCELED', 'UNPAID', 'INCOMPLETE', 'INCOMPLETE_EXPIRED', 'TRIALING', 'PAUSED');
CREATE TYPE "InvoiceStatus" AS ENUM ('DRAFT', 'OPEN', 'PAID', 'VOID', 'UNCOLLECTIBLE');
CREATE TYPE "ErrorCategory" AS ENUM ('CONFIGURATION', 'AUTHENTICATION', 'VALIDATION', 'RATE_LIMIT', 'NETWORK', 'API_ERROR', 'DATABASE', 'UNKNOWN');
CREATE TYPE "ErrorSeverity" AS ENUM ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL');
CREATE TYPE "DocumentCategory" AS ENUM ('CERTIFICATE', 'ID_PROOF', 'TEACHING_MATERIAL', 'LESSON_PLAN', 'CURRICULUM', 'POLICY', 'OTHER');
CREATE TYPE "AttendanceStatus" AS ENUM ('PRESENT', 'ABSENT', 'LATE', 'HALF_DAY', 'LEAVE');

-- People and schools ---------------------------------------------------------------------------------------------

CREATE TABLE "User" (
  id text PRIMARY KEY, name text, email text, mobile text, "passwordHash" text, password text,
  "isActive" boolean NOT NULL DEFAULT true, active boolean NOT NULL DEFAULT true,
  role "UserRole" NOT NULL DEFAULT 'STUDENT', "emailVerified" timestamp(3),
  "twoFactorEnabled" boolean NOT NULL DEFAULT false, "twoFactorSecret" text, "twoFactorBackupCodes" text,
  "mfaEnabled" boolean NOT NULL DEFAULT false, "mfaSecret" text, "lastLoginAt" timestamp(3),
  "firstName" text, "lastName" text, phone text, image text, avatar text, permissions jsonb,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL);
CREATE UNIQUE INDEX "User_email_key" ON "User" (email);
CREATE UNIQUE INDEX "User_mobile_key" ON "User" (mobile);

CREATE TABLE schools (
  id text PRIMARY KEY, name text NOT NULL, "schoolCode" text NOT NULL, subdomain text,
  "subdomainStatus" "SubdomainStatus" NOT NULL DEFAULT 'PENDING',
  "dnsConfigured" boolean NOT NULL DEFAULT false, "sslConfigured" boolean NOT NULL DEFAULT false, "sslExpiresAt" timestamp(3),
  plan "PlanType" NOT NULL DEFAULT 'STARTER', status "SchoolStatus" NOT NULL DEFAULT 'ACTIVE',
  "isOnboarded" boolean NOT NULL DEFAULT false, "onboardingStep" integer NOT NULL DEFAULT 0, "onboardingCompletedAt" timestamp(3),
  phone text, email text, address text, domain text, tagline text, logo text, favicon text,
  "primaryColor" text NOT NULL DEFAULT '#3b82f6', "secondaryColor" text NOT NULL DEFAULT '#8b5cf6',
  metadata jsonb, "razorpayCustomerId" text,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL);
CREATE UNIQUE INDEX "schools_schoolCode_key" ON schools ("schoolCode");
CREATE UNIQUE INDEX "schools_subdomain_key" ON schools (subdomain);
CREATE UNIQUE INDEX "schools_razorpayCustomerId_key" ON schools ("razorpayCustomerId");

CREATE TABLE user_schools (
  id text PRIMARY KEY, "userId" text NOT NULL REFERENCES "User" (id) ON DELETE CASCADE,
  "schoolId" text NOT NULL REFERENCES schools (id) ON DELETE CASCADE,
  role "UserRole" NOT NULL DEFAULT 'STUDENT', "isActive" boolean NOT NULL DEFAULT true,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL);
CREATE UNIQUE INDEX "user_schools_userId_schoolId_key" ON user_schools ("userId", "schoolId");
CREATE INDEX "user_schools_schoolId_idx" ON user_schools ("schoolId");

CREATE TABLE "Student" (
  id text PRIMARY KEY, "userId" text NOT NULL REFERENCES "User" (id) ON DELETE CASCADE,
  "schoolId" text NOT NULL REFERENCES schools (id) ON DELETE CASCADE,
  "admissionId" text NOT NULL, "admissionDate" timestamp(3) NOT NULL, "rollNumber" text, "dateOfBirth" timestamp(3) NOT NULL,
  gender text NOT NULL, "parentMobile" text, phone text, "aadhaarNumber" varchar(12), "fatherName" text, "fatherPhone" text,
  "fatherAadhaar" varchar(12), "motherName" text, "motherPhone" text, "motherAadhaar" varchar(12), "guardianName" text,
  "guardianPhone" text, "guardianAadhaar" varchar(12), "medicalConditions" text,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL);
CREATE UNIQUE INDEX "Student_userId_key" ON "Student" ("userId");
CREATE UNIQUE INDEX "Student_admissionId_key" ON "Student" ("admissionId");
CREATE INDEX "Student_schoolId_idx" ON "Student" ("schoolId");

-- Sessions and tokens: the session strategy is JWT, so the first two stay empty --------------------------------------

CREATE TABLE "Session" (id text PRIMARY KEY, "sessionToken" text NOT NULL,
  "userId" text NOT NULL REFERENCES "User" (id) ON DELETE CASCADE, expires timestamp(3) NOT NULL);
CREATE UNIQUE INDEX "Session_sessionToken_key" ON "Session" ("sessionToken");

CREATE TABLE auth_sessions (id text PRIMARY KEY, "userId" text NOT NULL REFERENCES "User" (id) ON DELETE CASCADE,
  token text NOT NULL, "activeSchoolId" text REFERENCES schools (id) ON DELETE SET NULL, "expiresAt" timestamp(3) NOT NULL,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "lastAccessAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE UNIQUE INDEX auth_sessions_token_key ON auth_sessions (token);

CREATE TABLE "VerificationToken" (identifier text NOT NULL, token text NOT NULL, expires timestamp(3) NOT NULL);
CREATE UNIQUE INDEX "VerificationToken_token_key" ON "VerificationToken" (token);
CREATE UNIQUE INDEX "VerificationToken_identifier_token_key" ON "VerificationToken" (identifier, token);

CREATE TABLE otps (id text PRIMARY KEY, identifier text NOT NULL, "codeHash" text NOT NULL, "expiresAt" timestamp(3) NOT NULL,
  attempts integer NOT NULL DEFAULT 0, "isUsed" boolean NOT NULL DEFAULT false,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX "otps_identifier_idx" ON otps (identifier);

-- Security -----------------------------------------------------------------------------------------------------------

CREATE TABLE audit_logs (
  id text PRIMARY KEY, "userId" text REFERENCES "User" (id) ON DELETE SET NULL,
  "schoolId" text REFERENCES schools (id) ON DELETE SET NULL, action "AuditAction" NOT NULL, resource text, "resourceId" text,
  changes jsonb, details jsonb, "ipAddress" text, "userAgent" text, "timestamp" timestamp(3) DEFAULT CURRENT_TIMESTAMP,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3), checksum text);
CREATE INDEX "audit_logs_userId_createdAt_idx" ON audit_logs ("userId", "createdAt");
CREATE INDEX "audit_logs_schoolId_createdAt_idx" ON audit_logs ("schoolId", "createdAt");
CREATE INDEX "audit_logs_action_createdAt_idx" ON audit_logs (action, "createdAt");
CREATE INDEX "audit_logs_createdAt_idx" ON audit_logs ("createdAt");

CREATE TABLE login_failures (id text PRIMARY KEY, identifier text NOT NULL, reason text NOT NULL, "ipAddress" text, "userAgent" text,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE rate_limit_logs (id text PRIMARY KEY, identifier text NOT NULL, action text NOT NULL, type text NOT NULL, details jsonb,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE blocked_identifiers (id text PRIMARY KEY, identifier text NOT NULL, reason text NOT NULL,
  attempts integer NOT NULL DEFAULT 1, "isActive" boolean NOT NULL DEFAULT true, "expiresAt" timestamp(3) NOT NULL,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL);
CREATE TABLE emergency_access (
  id text PRIMARY KEY, "targetType" text NOT NULL, "targetId" text NOT NULL, "targetName" text NOT NULL, action text NOT NULL,
  reason text NOT NULL, "performedBy" text NOT NULL REFERENCES "User" (id) ON DELETE RESTRICT, "disabledUntil" timestamp(3),
  "affectedUsers" integer NOT NULL DEFAULT 0, "invalidatedSessions" integer NOT NULL DEFAULT 0,
  "isReversed" boolean NOT NULL DEFAULT false, "reversedAt" timestamp(3), "reversedBy" text, "reversedReason" text, metadata jsonb,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL);

-- Money: fees in rupees; the SaaS ledger in minor units. "transactionId" has no unique index: that is the ERP's own flaw --

CREATE TABLE "FeeStructure" (
  id text PRIMARY KEY, name text NOT NULL, "academicYearId" text NOT NULL, "applicableClasses" text,
  "isTemplate" boolean NOT NULL DEFAULT false, description text, "validFrom" timestamp(3) NOT NULL, "validTo" timestamp(3),
  "isActive" boolean NOT NULL DEFAULT true, "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "schoolId" text NOT NULL REFERENCES schools (id) ON DELETE CASCADE);

CREATE TABLE "FeePayment" (
  id text PRIMARY KEY, "studentId" text NOT NULL REFERENCES "Student" (id) ON DELETE RESTRICT,
  "feeStructureId" text NOT NULL REFERENCES "FeeStructure" (id) ON DELETE RESTRICT,
  amount double precision NOT NULL, "paidAmount" double precision NOT NULL, balance double precision NOT NULL DEFAULT 0,
  "paymentDate" timestamp(3) NOT NULL, "paymentMethod" "PaymentMethod" NOT NULL DEFAULT 'CASH', "transactionId" text,
  "receiptNumber" text, status "PaymentStatus" NOT NULL DEFAULT 'PENDING', remarks text,
  "paymentSource" "PaymentSource" NOT NULL DEFAULT 'MANUAL', "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "schoolId" text NOT NULL,
  CONSTRAINT "FeePayment_schoolId_fkey" FOREIGN KEY ("schoolId") REFERENCES schools (id) ON DELETE CASCADE);
CREATE INDEX "FeePayment_studentId_status_paymentDate_idx" ON "FeePayment" ("studentId", status, "paymentDate");
CREATE INDEX "FeePayment_paymentDate_idx" ON "FeePayment" ("paymentDate");
CREATE INDEX "FeePayment_status_idx" ON "FeePayment" (status);
CREATE INDEX "FeePayment_schoolId_idx" ON "FeePayment" ("schoolId");

CREATE TABLE enhanced_subscriptions (
  id text PRIMARY KEY, "schoolId" text NOT NULL REFERENCES schools (id) ON DELETE CASCADE, "razorpaySubscriptionId" text,
  "planId" text NOT NULL, status "SubscriptionStatus" NOT NULL, "currentPeriodStart" timestamp(3) NOT NULL,
  "currentPeriodEnd" timestamp(3) NOT NULL, "cancelAtPeriodEnd" boolean NOT NULL DEFAULT false, "trialEnd" timestamp(3),
  metadata jsonb, "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL);
CREATE UNIQUE INDEX "enhanced_subscriptions_razorpaySubscriptionId_key" ON enhanced_subscriptions ("razorpaySubscriptionId");

CREATE TABLE invoices (
  id text PRIMARY KEY, "subscriptionId" text NOT NULL REFERENCES enhanced_subscriptions (id) ON DELETE CASCADE,
  "razorpayInvoiceId" text, amount integer NOT NULL, currency text NOT NULL DEFAULT 'inr', status "InvoiceStatus" NOT NULL,
  "dueDate" timestamp(3) NOT NULL, "paidAt" timestamp(3), metadata jsonb,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL);
CREATE UNIQUE INDEX "invoices_razorpayInvoiceId_key" ON invoices ("razorpayInvoiceId");

CREATE TABLE payments (
  id text PRIMARY KEY, "subscriptionId" text NOT NULL REFERENCES enhanced_subscriptions (id) ON DELETE CASCADE,
  "invoiceId" text REFERENCES invoices (id) ON DELETE SET NULL, "razorpayPaymentId" text, amount integer NOT NULL,
  currency text NOT NULL DEFAULT 'inr', status "PaymentStatus" NOT NULL, "paymentMethod" text, "failureReason" text,
  "processedAt" timestamp(3), "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL);
CREATE UNIQUE INDEX "payments_razorpayPaymentId_key" ON payments ("razorpayPaymentId");

-- Messages -----------------------------------------------------------------------------------------------------------

CREATE TABLE message_logs (
  id text PRIMARY KEY, "schoolId" text NOT NULL REFERENCES schools (id) ON DELETE CASCADE, channel "CommunicationChannel" NOT NULL,
  recipient text NOT NULL, "userId" text REFERENCES "User" (id) ON DELETE SET NULL, "templateId" text, subject text, body text,
  status "MessageLogStatus" NOT NULL DEFAULT 'QUEUED', "messageId" text, "errorCode" text, "errorMessage" text,
  "sentAt" timestamp(3), "deliveredAt" timestamp(3), "readAt" timestamp(3), "failedAt" timestamp(3),
  "estimatedCost" numeric(10,4), metadata jsonb, "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL);
CREATE INDEX "message_logs_channel_createdAt_idx" ON message_logs (channel, "createdAt");
CREATE INDEX "message_logs_userId_createdAt_idx" ON message_logs ("userId", "createdAt");
CREATE INDEX "message_logs_status_createdAt_idx" ON message_logs (status, "createdAt");
CREATE INDEX "message_logs_schoolId_idx" ON message_logs ("schoolId");

CREATE TABLE message_history (
  id text PRIMARY KEY, "messageType" "MessageType" NOT NULL, subject text, body text, "recipientCount" integer NOT NULL,
  "sentCount" integer NOT NULL DEFAULT 0, "failedCount" integer NOT NULL DEFAULT 0, "smsCount" integer NOT NULL DEFAULT 0,
  "emailCount" integer NOT NULL DEFAULT 0, "totalCost" double precision NOT NULL DEFAULT 0,
  status "MessageStatus" NOT NULL DEFAULT 'PENDING', "sentBy" text NOT NULL, "sentAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "schoolId" text NOT NULL REFERENCES schools (id) ON DELETE CASCADE);
CREATE TABLE communication_error_logs (
  id text PRIMARY KEY, message text NOT NULL, category "ErrorCategory" NOT NULL, severity "ErrorSeverity" NOT NULL,
  channel "CommunicationChannel", "errorCode" text, resolved boolean NOT NULL DEFAULT false,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "schoolId" text NOT NULL REFERENCES schools (id) ON DELETE CASCADE);
CREATE TABLE "Notification" (
  id text PRIMARY KEY, "userId" text NOT NULL REFERENCES "User" (id) ON DELETE CASCADE, title text NOT NULL, message text NOT NULL,
  type text NOT NULL, "isRead" boolean NOT NULL DEFAULT false, "readAt" timestamp(3), link text,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "schoolId" text NOT NULL REFERENCES schools (id) ON DELETE CASCADE);
CREATE INDEX "Notification_userId_isRead_idx" ON "Notification" ("userId", "isRead");

-- Files, backups, usage ----------------------------------------------------------------------------------------------

CREATE TABLE "Document" (
  id text PRIMARY KEY, title text NOT NULL, description text, "fileName" text NOT NULL, "fileUrl" text NOT NULL, "fileType" text,
  "fileSize" integer, "userId" text NOT NULL REFERENCES "User" (id) ON DELETE RESTRICT, "documentTypeId" text,
  category "DocumentCategory", "isPublic" boolean NOT NULL DEFAULT false, tags text,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "schoolId" text NOT NULL REFERENCES schools (id) ON DELETE CASCADE);
CREATE TABLE "Backup" (
  id text PRIMARY KEY, "schoolId" text NOT NULL REFERENCES schools (id) ON DELETE CASCADE, filename text NOT NULL, size bigint,
  location text NOT NULL, encrypted boolean NOT NULL DEFAULT true, type "BackupType" NOT NULL DEFAULT 'MANUAL',
  status "BackupStatus" NOT NULL DEFAULT 'PENDING', "includeFiles" boolean NOT NULL DEFAULT false, "completedAt" timestamp(3),
  "errorMessage" text, "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "createdBy" text);
CREATE TABLE usage_counters (
  id text PRIMARY KEY, "schoolId" text NOT NULL REFERENCES schools (id) ON DELETE CASCADE, month text NOT NULL,
  "whatsappUsed" integer NOT NULL DEFAULT 0, "smsUsed" integer NOT NULL DEFAULT 0, "whatsappLimit" integer NOT NULL DEFAULT 1000,
  "smsLimit" integer NOT NULL DEFAULT 1000, "storageUsedMB" double precision NOT NULL DEFAULT 0,
  "storageLimitMB" integer NOT NULL DEFAULT 1024, "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL);
CREATE UNIQUE INDEX "usage_counters_schoolId_month_key" ON usage_counters ("schoolId", month);

-- The ERP's own monitoring tables; nothing writes the metric ones ------------------------------------------------------

CREATE TABLE alerts (
  id text PRIMARY KEY, "alertType" text NOT NULL, severity text NOT NULL, title text NOT NULL, description text NOT NULL,
  "isResolved" boolean NOT NULL DEFAULT false, "resolvedAt" timestamp(3), "resolvedBy" text REFERENCES "User" (id) ON DELETE SET NULL,
  metadata jsonb, threshold double precision, "currentValue" double precision, "schoolId" text REFERENCES schools (id) ON DELETE CASCADE,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL);
CREATE TABLE alert_configs (
  id text PRIMARY KEY, name text NOT NULL, "alertType" text NOT NULL, threshold double precision NOT NULL, condition text NOT NULL,
  enabled boolean NOT NULL DEFAULT true, "notifyAdmins" boolean NOT NULL DEFAULT true, "notifyEmail" boolean NOT NULL DEFAULT true,
  "emailRecipients" text[], metadata jsonb, "schoolId" text REFERENCES schools (id) ON DELETE CASCADE, "createdBy" text NOT NULL,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL);
CREATE TABLE system_health (id text PRIMARY KEY, component text NOT NULL UNIQUE, status text NOT NULL,
  "responseTime" double precision, "errorRate" double precision, "lastChecked" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, metadata jsonb);
CREATE TABLE system_metrics (id text PRIMARY KEY, "metricName" text NOT NULL, value double precision NOT NULL, unit text, tags jsonb,
  "timestamp" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "schoolId" text REFERENCES schools (id) ON DELETE CASCADE);
CREATE TABLE performance_metrics (id text PRIMARY KEY, "metricType" text NOT NULL, value double precision NOT NULL, unit text,
  component text, "timestamp" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, metadata jsonb);

-- Bulk: what makes backups large and tables bloat ----------------------------------------------------------------------

CREATE TABLE "StudentAttendance" (
  id text PRIMARY KEY, "studentId" text NOT NULL REFERENCES "Student" (id) ON DELETE CASCADE, date timestamp(3) NOT NULL,
  "sectionId" text NOT NULL, status "AttendanceStatus" NOT NULL DEFAULT 'PRESENT', reason text, "markedBy" text,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "schoolId" text NOT NULL REFERENCES schools (id) ON DELETE CASCADE);
CREATE UNIQUE INDEX "StudentAttendance_studentId_date_key" ON "StudentAttendance" ("studentId", date);
CREATE INDEX "StudentAttendance_schoolId_idx" ON "StudentAttendance" ("schoolId");
CREATE TABLE "ExamResult" (
  id text PRIMARY KEY, "examId" text NOT NULL, "studentId" text NOT NULL REFERENCES "Student" (id) ON DELETE CASCADE,
  marks double precision NOT NULL, "theoryMarks" double precision, "practicalMarks" double precision, "internalMarks" double precision,
  "totalMarks" double precision, percentage double precision, grade text, remarks text, "isAbsent" boolean NOT NULL DEFAULT false,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" timestamp(3) NOT NULL,
  "schoolId" text NOT NULL REFERENCES schools (id) ON DELETE CASCADE);
CREATE UNIQUE INDEX "ExamResult_examId_studentId_key" ON "ExamResult" ("examId", "studentId");
